"""What the keys of a service leave to the application."""

from __future__ import annotations

import dataclasses
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from infra.config import application, service_rules
from infra.config.database import Database
from infra.config.environment import Environment, Service
from tests.service_facts import service

if TYPE_CHECKING:
    from pathlib import Path

    from contract.facts import Service as Facts

PASSWORD = "a b#?]%'\"$x&;~_-."
PLAIN = 'FROM a\nEXPOSE 5000\nCMD ["serve", "--now"]\n'


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project folder with an application of one unnamed stage in `blog`."""
    for module in (application, service_rules):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    (tmp_path / "blog").mkdir()
    (tmp_path / "blog" / "Dockerfile").write_text(PLAIN, "utf-8")
    return tmp_path


def complete(*, is_up: bool = False, facts: Facts | None = None, **keys: Any) -> Service:  # noqa: ANN401
    """Return the completed section of `blog`."""
    return application.complete(Service.model_validate({"context": "blog", **keys}), is_up=is_up, facts=facts)


def recorded(**values: Any) -> Facts:  # noqa: ANN401
    """Return facts of a service that is up."""
    return dataclasses.replace(service("blog", port=8080), **values)


def problems(**keys: Any) -> list[str]:  # noqa: ANN401
    """Return the rules that the section breaks, as `key TEXT`."""
    section = Service.model_validate({"context": "blog", **keys})
    environment = Environment(services={"blog": section}, database=Database())
    return [f"{'.'.join(map(str, one.location[3:]))} {one.text}" for one in service_rules.check(environment, "staging")]


@pytest.mark.usefixtures("context")
def test_a_new_service_takes_port_and_stage_from_its_dockerfile_and_may_write_to_tmp() -> None:
    """Nothing but a Dockerfile is needed."""
    section = complete()
    assert (section.effective_port, section.effective_target, section.writable) == (5000, "", ("/tmp",))  # noqa: S108


def test_without_one_exposed_port_it_is_the_default(context: Path) -> None:
    """None, or several."""
    for ports in ("", "EXPOSE 80 443\n"):
        (context / "blog" / "Dockerfile").write_text(f"FROM a\n{ports}", "utf-8")
        assert complete().effective_port == 8080


@pytest.mark.usefixtures("context")
def test_what_is_configured_comes_first() -> None:
    """Keys override what the application says."""
    section = complete(port=9000, writable=["/var/cache"], read_only=True, facts=recorded(port=1), is_up=True)
    assert (section.effective_port, section.writable) == (9000, ("/var/cache",))


@pytest.mark.usefixtures("context")
def test_a_service_that_is_up_keeps_what_it_was_created_with() -> None:
    """A new EXPOSE, or a newer version of this program, moves nothing that serves."""
    section = complete(is_up=True, facts=recorded(port=8080))
    assert (section.effective_port, section.writable) == (8080, ())
    assert complete(is_up=True, facts=recorded(writable=["/run"])).writable == ("/run",)
    assert complete(is_up=True).writable == ()


def test_the_environment_file_is_read_and_keys_win(context: Path) -> None:
    """Quotes and comments as Compose reads them; references are not expanded."""
    (context / "blog" / ".env").write_text('# c\nA=1\nexport B="two words"\nC=$A\nD=\n', "utf-8")
    section = complete(env_file="blog/.env", environment={"A": "mine"})
    assert section.environment == {"A": "mine", "B": "two words", "C": "$A", "D": ""}


@pytest.mark.usefixtures("context")
def test_the_address_of_the_database_is_put_together_when_the_container_starts() -> None:
    """Percent-encoded, whatever the password has; the command is the image's own, and gets the signals."""
    template = "postgresql://{user}:{password}@{host}:{port}/{name}?sslmode=require&x='1'"
    section = complete(database_variables={"DATABASE_URL": template}, command=["printenv", "DATABASE_URL"])
    given = {"HOST": "db", "PORT": "5432", "NAME": "app", "USER": "me", "PASSWORD": PASSWORD}
    variables = {f"DATABASE_{key}": value for key, value in given.items()} | {"PATH": "/usr/bin:/bin"}
    argv = [*(section.entry_point or ()), *(section.command or ())]
    ran = subprocess.run(argv, env=variables, capture_output=True, text=True, check=True)
    encoded = "a%20b%23%3F%5D%25%27%22%24x%26%3B~_-."
    assert ran.stdout == f"postgresql://me:{encoded}@db:5432/app?sslmode=require&x='1'\n"
    assert PASSWORD not in str(argv)


@pytest.mark.usefixtures("context")
def test_the_command_of_the_image_runs_after_the_variables_are_set() -> None:
    """It is read from the Dockerfile."""
    section = complete(database_variables={"DATABASE_URL": "x"})
    assert section.command == ("serve", "--now")


def test_without_a_known_command_it_is_asked_for(context: Path) -> None:
    """Only the base image has it."""
    (context / "blog" / "Dockerfile").write_text("FROM nginx\n", "utf-8")
    (found,) = problems(database_variables={"DATABASE_URL": "x"})
    assert found.startswith("database_variables needs the container's command")
    assert found.endswith("set command")


@pytest.mark.usefixtures("context")
def test_a_variable_of_ones_own_may_have_any_name_that_is_not_set_already() -> None:
    """DATABASE_URL is the user's business; DATABASE_HOST is set."""
    assert problems(environment={"DATABASE_URL": "sqlite://", "DATABASE_POOL": "5"}) == []
    (found,) = problems(environment={"DATABASE_HOST": "x"})
    assert found == "environment.DATABASE_HOST is reserved; Slipway sets this variable; remove it"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"database_variables": {"U": "{pasword}"}}, "the placeholders are {host}, {port}, {name}, {user}, {password}"),
        ({"database_variables": {"U": "{user"}}, "the placeholders are"),
        ({"database_variables": {"U": "x"}, "database": False}, "needs a database"),
        ({"database_variables": {"U": "x"}, "environment": {"U": "y"}}, "is set under environment too"),
        ({"writable": ["tmp"]}, "it must be an absolute path"),
        ({"writable": ["/"]}, "it must be an absolute path"),
        ({"writable": ["/a/../b"]}, "it must be an absolute path"),
        ({"writable": ["/tmp"], "read_only": False}, "nothing is read-only"),  # noqa: S108
        ({"env_file": "blog/none"}, "it cannot be read"),
        ({"tests": {"target": "unit", "image": "x"}}, "has both target and image"),
        ({"acceptance": {}}, "says nothing to run"),
        ({"acceptance": {"target": "unit"}}, "has no such build stage, only unnamed ones"),
        ({"target": "release"}, "has no such build stage, only unnamed ones"),
    ],
)
@pytest.mark.usefixtures("context")
def test_what_cannot_work_is_refused_in_one_line(keys: dict[str, Any], message: str) -> None:
    """With the key, the rule and what to do."""
    found = problems(**keys)
    assert any(message in one for one in found), found


def test_a_line_of_the_environment_file_that_cannot_be_set_is_refused(context: Path) -> None:
    """Such as PORT, which the program sets."""
    (context / "e").write_text("PORT=1\n", "utf-8")
    (found,) = problems(env_file="e")
    assert "it sets 'PORT', which is reserved" in found


SECRET = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:key-AbCdEf"


@pytest.mark.parametrize(
    ("line", "keys", "message"),
    [
        ("DATABASE_PASSWORD=x", {}, "it sets 'DATABASE_PASSWORD', which is reserved"),
        ("KEY=x", {"secrets": {"KEY": SECRET}}, "it sets 'KEY', which is set under secrets too"),
        ("U=x", {"database_variables": {"U": "{host}"}}, "it sets 'U', which is set under database_variables too"),
    ],
)
def test_a_variable_of_the_environment_file_that_something_else_sets_is_refused(
    context: Path, line: str, keys: dict[str, Any], message: str
) -> None:
    """ECS takes a variable once, and would refuse the task definition half way through `up`."""
    (context / "e").write_text(f"{line}\n", "utf-8")
    found = problems(env_file="e", **keys)
    assert any(message in one for one in found), found
