"""Init: what an application needs is read, and becomes stack files that are valid."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery.application import check_app, init, reading, stack_files, trial_run
from delivery.errors import DeliveryError

ROOT = Path(__file__).resolve().parents[3]
APPS = ROOT / "tests" / "apps"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project's folder with the committed stack files and what validates others."""
    for name in ("Pulumi.yaml", "Pulumi.staging.yaml", "Pulumi.prod.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("infra", "contract", "buildlog", "diagnosis"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "app", tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("notes", "hello", "site"):
        shutil.copytree(APPS / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def unchecked(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project whose stack files are not validated, for tests of what is written: it takes a second."""
    monkeypatch.setattr(stack_files, "problems", lambda *_: "")
    return project


def options(context: str, **values: Any) -> init.Options:  # noqa: ANN401 - any option's type
    """Return options as the command line gives them without any, but with these."""
    texts: dict[str, Any] = dict.fromkeys(("name", "staging", "production", "repository", "health_path"), "")
    return init.Options(
        **texts
        | {"context": context, "dockerfile": "Dockerfile", "port": 0, "database": False, "ask": False, "force": False}
        | values
    )


def service(project: Path, stack: str, name: str) -> dict[str, Any]:
    """Return a service's section of a stack file."""
    config = yaml.safe_load((project / f"Pulumi.{stack}.yaml").read_text("utf-8"))["config"]
    found: dict[str, Any] = config["slipway:environment"]["services"][name]
    return found


def written(folder: Path, dockerfile: str, compose: str = "") -> reading.Application:
    """Return what is read of an application with these files."""
    (folder / "it").mkdir()
    (folder / "it" / "Dockerfile").write_text(dockerfile, "utf-8")
    if compose:
        (folder / "it" / "compose.yaml").write_text(compose, "utf-8")
    return reading.read(folder, "it")


@pytest.mark.parametrize("name", ["notes", "hello", "site"])
def test_an_application_gets_two_valid_stack_files(
    project: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With networks that no other stack file has; the next command is shown."""
    init.run(project, options(name))
    printed = capsys.readouterr().out
    assert f"wrote Pulumi.{name}-staging.yaml and Pulumi.{name}-prod.yaml: valid" in printed
    assert f"next: delivery check-app {name}" in printed
    configs = stack_files.configurations(project)
    networks = [config["slipway:environment"]["network"]["cidr"] for config in configs.values()]
    assert len(set(networks)) == 4
    assert configs[f"{name}-prod"]["slipway:pipeline"]["staging"] == f"{name}-staging"
    assert configs[f"{name}-prod"]["slipway:images"] == {"from_stack": f"{name}-staging"}


def test_the_data_of_production_survives_mistakes_by_default(unchecked: Path) -> None:
    """Staging's database goes with its stack, as before; an application without one gets none."""
    init.run(unchecked, options("notes"))
    init.run(unchecked, options("hello"))
    configs = stack_files.configurations(unchecked)
    database = configs["notes-prod"]["slipway:environment"]["database"]
    assert database["backup_days"] >= 7
    assert database["deletion_protection"] is database["final_snapshot"] is True
    assert configs["notes-staging"]["slipway:environment"]["database"] == {"instance_class": "db.t4g.micro"}
    assert "database" not in configs["hello-prod"]["slipway:environment"]


def test_a_compose_file_tells_of_the_database_and_of_what_slipway_does_not_run(
    unchecked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its address becomes a template, without a password."""
    init.run(unchecked, options("notes"))
    section = service(unchecked, "notes-staging", "notes")
    assert section["port"] == 5000
    assert section["database_variables"] == {"DATABASE_URL": "postgresql://{user}:{password}@{host}:{port}/{name}"}
    assert section["environment"] == {"GREETING": "hello"}
    printed = capsys.readouterr().out
    assert "database: PostgreSQL (compose.yaml: db)" in printed
    assert "note: compose.yaml runs cache (redis:7), which Slipway does not" in printed
    assert "notes:notes" not in (unchecked / "Pulumi.notes-staging.yaml").read_text("utf-8")


def test_options_override_what_was_read(unchecked: Path) -> None:
    """Names, port, health path, database, repository."""
    init.run(
        unchecked,
        options(
            "hello", name="api", staging="one", production="two", port=9000, health_path="/ok", database=True,
            repository="acme/api",
        ),
    )  # fmt: skip
    section = service(unchecked, "two", "api")
    assert (section["port"], section["health_check"]) == (9000, {"path": "/ok", "status": "200"})
    assert "DATABASE_URL" in section["database_variables"]
    config = stack_files.configurations(unchecked)["two"]
    assert (config["github:owner"], config["slipway:pipeline"]["repository"]) == ("acme", "acme/api")


def test_stack_files_that_exist_are_kept_unless_they_may_be_replaced(unchecked: Path) -> None:
    """Nothing is lost by a command that was typed twice."""
    init.run(unchecked, options("hello"))
    path = unchecked / "Pulumi.hello-prod.yaml"
    path.write_text("mine", "utf-8")
    with pytest.raises(DeliveryError, match=r"Pulumi.hello-staging.yaml and Pulumi.hello-prod.yaml exist already"):
        init.run(unchecked, options("hello"))
    assert path.read_text("utf-8") == "mine"
    init.run(unchecked, options("hello", force=True))
    assert path.read_text("utf-8") != "mine"


def test_an_invalid_configuration_leaves_nothing_behind(project: Path) -> None:
    """Each problem is a line of its own."""
    with pytest.raises(DeliveryError, match=r"nothing is written:\nPulumi.a-n-staging.yaml: .*too long"):
        init.run(project, options("hello", name="a-name-that-is-longer-than-a-target-group-takes"))
    assert not list(project.glob("Pulumi.a-n*"))


@pytest.mark.parametrize(("name", "stack"), [("hello", "hello-staging"), ("microblog", "microb-staging")])
def test_stacks_are_called_after_the_application_as_far_as_there_is_room(
    unchecked: Path, name: str, stack: str
) -> None:
    """Stack and service together make the names of resources."""
    init.run(unchecked, options("hello", name=name))
    assert (unchecked / f"Pulumi.{stack}.yaml").exists()


@pytest.mark.parametrize(
    ("context", "message"),
    [("none", "an application needs a Dockerfile"), (".", "is not a folder below"), ("..", "is not a folder below")],
)
def test_a_folder_without_an_application_is_refused(unchecked: Path, context: str, message: str) -> None:
    """With what is missing."""
    with pytest.raises(DeliveryError, match=message):
        init.run(unchecked, options(context))


def test_without_a_repository_it_is_asked_for(unchecked: Path) -> None:
    """The pipeline needs one."""
    (unchecked / "Pulumi.prod.yaml").unlink()
    with pytest.raises(DeliveryError, match="--repository OWNER/NAME"):
        init.run(unchecked, options("hello"))


def test_a_health_check_is_read_of_the_dockerfile(tmp_path: Path) -> None:
    """Its path, over several lines."""
    of = written(
        tmp_path, "FROM a\nUSER app\nHEALTHCHECK --interval=5s \\\n  CMD curl -f http://localhost:80/ok || exit 1\n"
    )
    assert (of.health_path, of.health_status) == ("/ok", "200")
    assert of.warnings == []


@pytest.mark.parametrize("ports", ["['8000:3000']", "[{target: 3000}]", "['127.0.0.1:80:3000/tcp']"])
def test_port_and_health_check_are_read_of_the_compose_file(tmp_path: Path, ports: str) -> None:
    """Where the Dockerfile has none."""
    test = '["CMD", "curl", "http://localhost:3000/up"]'
    of = written(
        tmp_path, "FROM a\n", f"services: {{web: {{build: ., ports: {ports}, healthcheck: {{test: {test}}}}}}}\n"
    )
    assert (of.port, of.health_path, of.guessed) == (3000, "/up", set())


def test_variables_that_belong_to_compose_are_left_out(tmp_path: Path) -> None:
    """Names of its services, its own variables, and what Slipway sets."""
    compose = """
services:
  web:
    build: .
    environment:
      - REDIS=redis://cache:6379
      - KEY=${KEY}
      - PORT=80
      - MODE=fast
  cache: {image: redis}
"""
    of = written(tmp_path, "FROM a\n", compose)
    assert of.environment == {"MODE": "fast"}
    assert len([one for one in of.warnings if "is left out" in one]) == 2


@pytest.mark.parametrize("compose", ["services: [", "[]", "services: {web: {build: .}, two: {build: .}}"])
def test_a_compose_file_that_cannot_be_used_is_only_noted(tmp_path: Path, compose: str) -> None:
    """The Dockerfile is enough."""
    of = written(tmp_path, "FROM a\nEXPOSE 81\n", compose)
    assert of.port == 81
    assert any("compose.yaml" in one for one in of.warnings)


def test_an_application_that_no_stack_file_has_is_checked_as_the_pipeline_gets_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A symbolic link in its build context is refused before anything is built, as for a service of a stack file."""
    tried: list[str] = []
    monkeypatch.setattr(trial_run.TrialRun, "run", lambda trial: tried.append(trial.container.service.context))
    subject = check_app.Subject(context="hello", dockerfile="Dockerfile", stack="", service="", database=False)
    assert check_app.run(project, subject, print) == 0
    (project / "hello" / "shared").symlink_to("../notes")
    with pytest.raises(DeliveryError) as refused:
        check_app.run(project, subject, print)
    assert str(refused.value) == (
        "correct the build context first: hello: hello/shared is a symbolic link, which the pipeline's source archive "
        "stores as text; commit a copy of its target, create the link in the Dockerfile, or exclude it in "
        "hello/.dockerignore"
    )
    assert tried == ["hello"]
