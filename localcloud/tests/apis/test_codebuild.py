"""CodeBuild through boto3: buildspecs that run in containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import docker
import pytest

from support.building import GROUP, Workshop, context, phases, workshop
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud

ALL = [
    "SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD",
    "UPLOAD_ARTIFACTS", "FINALIZING", "COMPLETED",
]  # fmt: skip


@pytest.fixture
def shop(cloud: Cloud) -> Iterator[Workshop]:
    """CodeBuild."""
    yield from workshop(cloud)


def test_a_build_runs_its_commands_in_one_shell(shop: Workshop) -> None:
    """Variables, functions and the working directory persist between commands; exported variables are returned."""
    build = shop.spec(
        "contract-shell",
        """
version: 0.2
env:
  shell: bash
  variables: {GIVEN: here}
  exported-variables: [GIVEN, MADE, NEVER]
phases:
  install:
    runtime-versions: {python: 3.11}
    commands: ["cd /tmp; made() { echo made-$1; }; KEPT=kept"]
  build:
    commands:
      - |
        printf 'without an end'
        set -e -o pipefail
      - MADE="$(made $KEPT)"
      - false | echo "in $PWD, $CODEBUILD_BUILD_SUCCEEDING"
""",
    )
    assert build["buildStatus"] == "SUCCEEDED"
    assert [row["phaseType"] for row in build["phases"]] == ALL
    assert build["exportedEnvironmentVariables"] == [
        {"name": "GIVEN", "value": "here"},
        {"name": "MADE", "value": "made-kept"},
    ]
    lines = shop.log(build)
    assert "in /tmp, 1" in lines
    assert "without an end" in lines
    assert any(line.endswith("Phase complete: BUILD State: SUCCEEDED") for line in lines)


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("command", ["exit 3", "(exit 3)", "set -e; (exit 3); true"])
def test_a_failed_build_phase_still_has_its_finally_and_post_build(shop: Workshop, command: str, shell: str) -> None:
    """For any kind of failure: the phase fails with AWS's message, and CODEBUILD_BUILD_SUCCEEDING is 0 afterwards."""
    build = shop.spec(
        "contract-fails",
        f"""
version: 0.2
env: {{shell: {shell}}}
phases:
  build:
    commands: ["export SEEN=yes", "{command}", "echo never"]
    finally: ["echo finally $SEEN $CODEBUILD_BUILD_SUCCEEDING"]
  post_build:
    commands: ["echo after $SEEN $CODEBUILD_BUILD_SUCCEEDING"]
""",
    )
    assert build["buildStatus"] == "FAILED", build["phases"]
    found = phases(build)
    assert (found["BUILD"], found["POST_BUILD"]) == ("FAILED", "SUCCEEDED")
    message = f"Error while executing command: {command}. Reason: exit status 3"
    assert context(build, "BUILD") == ("COMMAND_EXECUTION_ERROR", message)
    lines = shop.log(build)
    assert {"finally yes 0", "after yes 0"} <= set(lines)
    assert "never" not in lines
    assert any(
        line.endswith(f"Phase context status code: COMMAND_EXECUTION_ERROR Message: {message}") for line in lines
    )


def test_an_image_of_ones_own_runs_with_its_own_shell(shop: Workshop, cloud: Cloud) -> None:
    """Debian's dash works as well as bash; runtime versions are for AWS's images only."""
    image = cloud.variables["PYTHON_IMAGE"]
    env = shop.arguments("x")["environment"] | {"image": image}
    spec = """
version: 0.2
env: {exported-variables: [MADE]}
phases:
  pre_build: {on-failure: CONTINUE, commands: ['cd /tmp; export MADE=made', 'set -eu; echo $UNKNOWN', 'echo never']}
  build: {commands: ['echo "$MADE $PWD $CODEBUILD_BUILD_SUCCEEDING"', '( syntax', 'echo never']}
  post_build: {commands: ['echo at the end']}
"""
    build = shop.spec("contract-own-image", spec, environment=env)
    lines = shop.log(build)
    assert "made /tmp 0" in lines
    assert "at the end" in lines
    assert "never" not in lines
    assert context(build, "BUILD")[1] == "Error while executing command: ( syntax. Reason: exit status 2"
    assert build["exportedEnvironmentVariables"] == [{"name": "MADE", "value": "made"}]
    runtime = "version: 0.2\nphases: {install: {runtime-versions: {python: 2.7}}}\n"
    build = shop.spec("contract-own-image", runtime, environment=env)
    assert build["buildStatus"] == "SUCCEEDED"
    assert "Skipping install of runtimes." in shop.text(build)


@pytest.mark.parametrize(
    ("phase", "on_failure", "following"),
    [
        ("install", "", None),
        ("pre_build", "", None),
        ("build", "ABORT", None),
        ("pre_build", "CONTINUE", "BUILD"),
    ],
)
def test_what_follows_a_failed_phase(shop: Workshop, phase: str, on_failure: str, following: str | None) -> None:
    """A failed install or pre_build ends the build unless on-failure says otherwise; the build fails in any case."""
    extra = f"on-failure: {on_failure}, " if on_failure else ""
    others = "".join(
        f"\n  {name}: {{commands: [echo {name}]}}"
        for name in ("install", "pre_build", "build", "post_build")
        if name != phase
    )
    build = shop.spec("contract-follows", f"version: 0.2\nphases:\n  {phase}: {{{extra}commands: ['false']}}{others}\n")
    assert build["buildStatus"] == "FAILED", build["phases"]
    names = [row["phaseType"] for row in build["phases"]]
    after = names[names.index(phase.upper()) + 1]
    expected = following or ("UPLOAD_ARTIFACTS" if phase == "build" else "FINALIZING")
    assert after == expected


def test_secrets_and_parameters_are_read_and_masked(shop: Workshop, cloud: Cloud) -> None:
    """Both are masked as *** in logs and exported variables; a missing one fails before any command."""
    cloud.client("ssm").put_parameter(
        Name="/contract/build/word", Value="open-sesame", Type="SecureString", Overwrite=True
    )
    secrets = cloud.client("secretsmanager")
    arn = secrets.create_secret(Name="contract/build", SecretString='{"user": "alice", "password": "s3cr3t-value"}')[
        "ARN"
    ]
    spec = f"""
version: 0.2
env:
  parameter-store: {{WORD: /contract/build/word}}
  secrets-manager: {{USER_NAME: "contract/build:user", PASSWORD: "{arn}:password"}}
  exported-variables: [PASSWORD]
phases:
  build:
    commands:
      - echo "$WORD and $PASSWORD" | rev | rev
      - test "$USER_NAME" = alice
      - echo "s3cr3t-value" && false
"""
    build = shop.spec("contract-words", spec)
    text = shop.text(build)
    assert "*** and ***" in text
    assert "s3cr3t-value" not in text
    assert "open-sesame" not in text
    assert "s3cr3t-value" not in context(build, "BUILD")[1]
    assert build["exportedEnvironmentVariables"] == [{"name": "PASSWORD", "value": "***"}]
    missing = shop.spec("contract-words", spec.replace("build/word", "build/nothing"))
    assert context(missing, "DOWNLOAD_SOURCE") == (
        "Decrypted Variables Error",
        "parameter does not exist: /contract/build/nothing",
    )
    assert "BUILD" not in phases(missing)
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


def test_folders_are_cached_from_build_to_build(shop: Workshop) -> None:
    """Cached paths are restored, until the cache is invalidated or the project deleted."""
    spec = """
version: 0.2
phases: {build: {commands: ['cat /root/.cache/pip/seen || echo cold', 'echo warm > /root/.cache/pip/seen']}}
cache: {paths: ['/root/.cache/pip/**/*']}
"""
    cache = {"type": "LOCAL", "modes": ["LOCAL_CUSTOM_CACHE"]}
    assert "cold" in shop.log(shop.spec("contract-cache", spec, cache=cache))
    assert "warm" in shop.log(shop.run("contract-cache"))
    shop.api.invalidate_project_cache(projectName="contract-cache")
    assert "cold" in shop.log(shop.run("contract-cache"))
    shop.api.delete_project(name="contract-cache")
    assert not [volume for volume in docker.from_env().volumes.list() if "contract-cache" in volume.name]


def test_a_privileged_build_has_docker_and_sees_its_files_at_the_same_path(shop: Workshop) -> None:
    """Its containers can mount the build's folder; other builds have no Docker."""
    spec = """
version: 0.2
phases:
  build:
    commands:
      - echo inside > file.txt
      - docker run --rm --volume="$PWD:/mounted" "$PYTHON_IMAGE" cat /mounted/file.txt
"""
    env = shop.arguments("x")["environment"]
    build = shop.spec("contract-docker", spec, environment=env | {"privilegedMode": True})
    assert "inside" in shop.log(build), shop.text(build)
    assert shop.spec("contract-docker", spec)["buildStatus"] == "FAILED"


def test_nothing_is_left_of_a_build(shop: Workshop, cloud: Cloud) -> None:
    """Its container and work folder are removed."""
    assert shop.spec("contract-clean", "version: 0.2\nphases: {build: {commands: [touch x]}}\n")["buildComplete"]
    until(lambda: not cloud.containers("build"))


def test_without_its_log_group_a_build_fails_and_says_so(shop: Workshop) -> None:
    """The group is not created implicitly."""
    logs = {"cloudWatchLogs": {"status": "ENABLED", "groupName": "/contract/none"}}
    build = shop.spec("contract-nolog", "version: 0.2\nphases: {build: {commands: [echo]}}\n", logsConfig=logs)
    code, message = context(build, "SUBMITTED")
    assert code == "ACCESS_DENIED"
    assert "/contract/none does not exist" in message
    off = {"cloudWatchLogs": {"status": "DISABLED"}}
    assert (
        shop.spec("contract-nolog", "version: 0.2\nphases: {build: {commands: [echo]}}\n", logsConfig=off)[
            "buildStatus"
        ]
        == "SUCCEEDED"
    )


def test_logs_come_while_a_build_runs(shop: Workshop) -> None:
    """A line is readable before the build ends, and the link names group and stream."""
    shop.project(
        "contract-live",
        source={"type": "NO_SOURCE", "buildspec": "version: 0.2\nphases: {build: {commands: [echo early, sleep 6]}}\n"},
    )
    identifier = shop.start("contract-live")
    shop.until(identifier, "early")
    build = shop.build(identifier)
    assert build["buildStatus"] == "IN_PROGRESS"
    assert build["currentPhase"] == "BUILD"
    assert build["logs"]["groupName"] == GROUP
    assert build["logs"]["streamName"] == f"contract-live/{identifier.partition(':')[2]}"
    assert shop.wait(identifier)["buildStatus"] == "SUCCEEDED"
