"""bin/pulumi-local: refused arguments and settings, and the generated stack file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from localcloud.settings import UserError
from tools.pulumi_local import arguments as given
from tools.pulumi_local import environment, overlay, stack_config

if TYPE_CHECKING:
    from pathlib import Path

STACK = """
encryptionsalt: v1:abc=
config:
  aws:region: eu-central-1
  slipway:token:
    secure: v1:ciphertext
  slipway:environment:
    services:
      web: {context: app, build_args: {FLAVOUR: dark}}
      api: {context: other}
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A stack file with two build contexts, of which one has a base image argument."""
    for name, text in (("app", "ARG PYTHON_IMAGE=x\nFROM ${PYTHON_IMAGE}\n"), ("other", "FROM scratch\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text(text, "utf-8")
    path = tmp_path / "Pulumi.staging.yaml"
    path.write_text(STACK, "utf-8")
    return path


def secrets_of(source: Path, target: Path) -> dict[str, str]:
    """Write the overlay and return the values that have to be encrypted."""
    images = {"PYTHON_IMAGE": "python:here", "POSTGRES_IMAGE": "postgres:here"}
    return overlay.write(source, target, endpoint="http://127.0.0.1:4566", image_arguments=images)


def written(source: Path, target: Path) -> dict[str, object]:
    """Write the overlay and return its `config`."""
    secrets_of(source, target)
    return dict(yaml.safe_load(target.read_text("utf-8"))["config"])


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1:4566", "https://ecs.eu-central-1.amazonaws.com", "http://127.0.0.1.evil"]
)
def test_an_endpoint_that_is_not_on_this_machine_is_refused(url: str) -> None:
    """A mistyped variable could change a real account."""
    with pytest.raises(UserError, match="not on this machine"):
        environment.refuse_remote(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:4566", "http://localhost:1", "http://[::1]:4566", "http://127.9.9.9:1"]
)
def test_an_endpoint_on_loopback_is_taken(url: str) -> None:
    """By address or by name."""
    environment.refuse_remote(url)


def test_a_secret_value_becomes_a_local_one_that_is_still_to_be_encrypted(source: Path, tmp_path: Path) -> None:
    """The original cannot be decrypted here; the value is constant, since a new one would change the stack."""
    target = tmp_path / "out.yaml"
    first = secrets_of(source, target)
    assert set(first) == {"slipway:token"}
    assert "ciphertext" not in target.read_text("utf-8") + first["slipway:token"]
    assert secrets_of(source, target) == first


def test_what_was_encrypted_here_before_is_kept(source: Path, tmp_path: Path) -> None:
    """Pulumi encrypts it once, not in every command."""
    target = tmp_path / "out.yaml"
    config = written(source, target) | {"slipway:token": {"secure": "v1:ours"}}
    target.write_text(yaml.safe_dump({"config": config, "encryptionsalt": "local"}), "utf-8")
    assert secrets_of(source, target) == {}
    assert written(source, target)["slipway:token"] == {"secure": "v1:ours"}


def test_a_secret_inside_a_map_or_a_list_is_named_by_its_path(source: Path, tmp_path: Path) -> None:
    """In the syntax of `pulumi config set --path`."""
    source.write_text("config: {'a:b': {'c.d': [x, {secure: v1}]}}", "utf-8")
    assert set(secrets_of(source, tmp_path / "out.yaml")) == {'a:b["c.d"][1]'}


def test_a_stack_with_a_pipeline_is_led_to_the_local_github(source: Path, tmp_path: Path) -> None:
    """It gets a separate token, which is a secret too; other stacks do not need GitHub."""
    assert "github:baseUrl" not in written(source, tmp_path / "without.yaml")
    source.write_text("config: {'slipway:pipeline': {}}", "utf-8")
    assert written(source, tmp_path / "out.yaml")["github:baseUrl"] == "http://127.0.0.1:4566/"
    assert "github:token" in secrets_of(source, tmp_path / "out.yaml")


def test_the_committed_file_is_not_changed_and_its_salt_is_not_used(source: Path, tmp_path: Path) -> None:
    """The local salt that Pulumi writes into the copy is kept."""
    target = tmp_path / "out.yaml"
    written(source, target)
    target.write_text(target.read_text("utf-8") + "encryptionsalt: local\n", "utf-8")
    written(source, target)
    assert yaml.safe_load(target.read_text("utf-8"))["encryptionsalt"] == "local"
    assert source.read_text("utf-8") == STACK


def test_a_service_gets_the_base_images_that_its_dockerfile_asks_for(source: Path, tmp_path: Path) -> None:
    """Its own build arguments are kept."""
    environment = written(source, tmp_path / "out.yaml")["slipway:environment"]
    assert isinstance(environment, dict)
    assert environment["services"]["web"]["build_args"] == {"PYTHON_IMAGE": "python:here", "FLAVOUR": "dark"}
    assert "build_args" not in environment["services"]["api"]


@pytest.mark.parametrize("key", ["aws:endpoints", "aws:profile", "aws:assumeRoles", "aws:secretKey"])
def test_a_provider_setting_that_leads_away_is_refused(source: Path, tmp_path: Path, key: str) -> None:
    """The error names the file and the key."""
    source.write_text(f"config: {{'{key}': x}}", "utf-8")
    with pytest.raises(overlay.OverlayError, match=f"Pulumi.staging.yaml: {key} is set"):
        written(source, tmp_path / "out.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "config: [1]",
        "- a\n- b",
        "config: {a: b",
        "\x00",
        "config: {a: &a [*a]}",
        "config: {a: 1, a: 2}",
        "config: " + 2000 * "[" + 2000 * "]",
        "config: {a: !!python/name:os.system x}",
    ],
    ids=["list", "no map", "no end", "binary", "endless", "key twice", "deep", "code"],
)
def test_a_stack_file_that_is_no_stack_file_is_refused_in_one_line(source: Path, tmp_path: Path, text: str) -> None:
    """The error names the file and has no traceback."""
    source.write_text(text, "utf-8")
    with pytest.raises(overlay.OverlayError, match=r"^Pulumi\.staging\.yaml [^\n]*$"):
        written(source, tmp_path / "out.yaml")


@pytest.mark.parametrize(
    ("arguments", "stack"),
    [
        (["up", "-s", "prod"], "prod"),
        (["up", "-sprod"], "prod"),
        (["up", "--stack=prod"], "prod"),
        (["up", "--stack", "prod"], "prod"),
        (["up"], None),
    ],
)
def test_the_stack_is_read_from_pulumis_own_arguments(arguments: list[str], stack: str | None) -> None:
    """In each form that Pulumi accepts."""
    assert given.stack_of(arguments) == stack


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--non-interactive", "up", "-s", "staging"], "before the sub-command"),
        (["-s", "staging", "up"], "before the sub-command"),
        (["up", "-s", "staging", "--config-file", "x"], "--config-file is not for pulumi-local"),
        (["up", "-s", "staging", "--cwd=/tmp"], "--cwd=/tmp is not for pulumi-local"),
        (["config", "-s", "staging", "cp", "-d", "prod"], "pulumi config cp is not for the local cloud"),
        (["config", "set", "--secret", "github:token", "-s", "prod"], "for AWS run: pulumi config set --secret KEY"),
        (["config", "set", "a", "b", "--config-file=x"], "--config-file=x is not for pulumi-local"),
    ],
)
def test_arguments_that_lead_past_the_generated_stack_file_are_refused(arguments: list[str], reason: str) -> None:
    """They would read the committed file with its secrets, or write it."""
    with pytest.raises(UserError, match=reason):
        given.refuse_what_bypasses(arguments)


def test_two_stacks_at_once_are_refused() -> None:
    """Pulumi uses the last one for the state, so that the file of the first must not be used with it."""
    with pytest.raises(UserError, match="stacks prod and staging are named; name one"):
        given.stack_of(["preview", "--stack=staging", "-s", "prod"])


def test_secrets_of_a_pipeline_are_made_up_so_that_none_has_to_be_set(source: Path, tmp_path: Path) -> None:
    """Those that its trigger needs; one in plain text is refused by the program."""
    source.write_text("config: {'slipway:pipeline': {trigger: webhook}}", "utf-8")
    assert set(secrets_of(source, tmp_path / "out.yaml")) == {"github:token", "slipway:webhook_secret"}
    source.write_text("config: {'slipway:pipeline': {trigger: webhook}, 'slipway:webhook_secret': plain}", "utf-8")
    assert written(source, tmp_path / "out.yaml")["slipway:webhook_secret"] == "plain"
    source.write_text("config: {'slipway:pipeline': {trigger: connection}}", "utf-8")
    assert set(secrets_of(source, tmp_path / "out.yaml")) == {"github:token"}


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["set", "a", "b", "-s", "prod"], "set"),
        (["-s", "set", "--color", "never", "--path", "rm", "a"], "rm"),
        (["-s=prod"], ""),
        (["get", "set"], "get"),
    ],
)
def test_the_sub_command_of_config_is_found_among_options(arguments: list[str], name: str) -> None:
    """A value may look like one."""
    assert stack_config.command(arguments) == name


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a: 1   # one\n\nb: 2\n", "a: 1 # one\nb: 3\n", "a: 1   # one\n\nb: 3\n"),
        ("a:\n    b:\n        c: 1\n", "a:\n  b:\n    c: 2\n    d: 3\n", "a:\n    b:\n        c: 2\n        d: 3\n"),
        ("a:\n- 1\nb: 2\n", "a:\n  - 1\n  - 3\nb: 2\n", "a:\n- 1\n- 3\nb: 2\n"),
        ("a:\n- b:\n  - 1\n", "a:\n  - b:\n      - 1\n      - 2\n", "a:\n- b:\n  - 1\n  - 2\n"),
        ("a: 1", "a: 1\nb: 2\n", "a: 1\nb: 2\n"),
        ("a: 1\r\n\r\nb: 2\r\n", "a: 1\nb: 2\nc: 3\n", "a: 1\r\n\r\nb: 2\r\nc: 3\r\n"),
        ("a: |\n   x\n\n   y\nb: 1\n", "a: |\n  x\n\n  y\nb: 2\n", "a: |\n   x\n\n   y\nb: 2\n"),
        ("a: 'x\n\n\n  y'\nb: 1\n", "a: 'x\n\n\n  y'\nb: 2\n", "a: 'x\n\n\n  y'\nb: 2\n"),
    ],
)
def test_white_space_is_kept_where_pulumi_would_change_it(
    tmp_path: Path, before: str, after: str, expected: str
) -> None:
    """Blank lines, indentation, columns of comments, line endings."""
    edited = tmp_path / "edited.yaml"
    edited.write_text("config:\n" + after, "utf-8")
    newline = "\r\n" if "\r" in before else "\n"
    assert stack_config.spaced(f"config:{newline}{before}", edited) == f"config:{newline}{expected}"


@pytest.mark.parametrize(
    "config", ["slipway:environment: x", "slipway:environment: {services: {web: {build_args: x}}}"]
)
def test_what_has_a_wrong_type_is_left_to_the_program_to_refuse(source: Path, tmp_path: Path, config: str) -> None:
    """The program names key, rule and remedy; the overlay must not fail earlier."""
    source.write_text(f"config: {{{config}}}", "utf-8")
    assert "slipway:environment" in written(source, tmp_path / "out.yaml")


def test_values_are_read_as_pulumi_reads_them(source: Path, tmp_path: Path) -> None:
    """By YAML 1.2, where `yes` and `12:30` are strings; else the program would get other values here than on AWS."""
    source.write_text("config: {a: yes, b: 12:30, c: 0o17, d: 1e3, e: '1e3', f: 2026-01-01, g: 08, h: true}", "utf-8")
    config = written(source, tmp_path / "out.yaml")
    expected = {"a": "yes", "b": "12:30", "c": 15, "d": 1000, "e": "1e3", "f": "2026-01-01", "g": 8, "h": True}
    assert {key: config[key] for key in expected} == expected
    assert "'1e3'" in (tmp_path / "out.yaml").read_text("utf-8")
