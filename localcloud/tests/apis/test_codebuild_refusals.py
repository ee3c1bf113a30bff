"""Refusals of CodeBuild: AWS's rules, and features that the local cloud does not support."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import docker
import pytest
from botocore.exceptions import ClientError

from localcloud.docker_engine import qemu
from support.building import BUCKET, IMAGE, REPOSITORY, Workshop, context, workshop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud

ENV = {"type": "LINUX_CONTAINER", "image": IMAGE, "computeType": "BUILD_GENERAL1_SMALL"}
ARM = ENV | {"type": "ARM_CONTAINER", "image": "aws/codebuild/amazonlinux-aarch64-standard:3.0"}
NONE = {"type": "NO_SOURCE", "buildspec": "version: 0.2\n"}
GITHUB = {"type": "GITHUB", "location": REPOSITORY}
PLAIN = "version: 0.2\nphases: {build: {commands: [echo]}}\n"


@pytest.fixture
def shop(cloud: Cloud) -> Iterator[Workshop]:
    """CodeBuild."""
    yield from workshop(cloud)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "-x"}, "must match"),
        ({"timeoutInMinutes": 2161}, "2160"),
        ({"queuedTimeoutInMinutes": 481}, "480"),
        ({"serviceRole": "no-arn"}, "service role"),
        ({"environment": ENV | {"computeType": "BUILD_GENERAL1_HUGE"}}, "BUILD_GENERAL1_HUGE"),
        ({"environment": ENV | {"computeType": "BUILD_LAMBDA_1GB"}}, "Invalid compute type"),
        ({"environment": ENV | {"type": "WINDOWS_CONTAINER"}}, "WINDOWS_CONTAINER is not supported"),
        ({"environment": ENV | {"image": "aws/codebuild/made-up:1.0"}}, "curated"),
        ({"environment": ENV | {"image": ARM["image"]}}, "does not fit"),
        ({"environment": ENV | {"imagePullCredentialsType": "SERVICE_ROLE"}}, "must be CODEBUILD with the curated"),
        ({"environment": ENV | {"certificate": "arn:aws:s3:::b/c.pem"}}, "environment.certificate"),
        ({"environment": ENV | {"environmentVariables": [{"name": "A-B", "value": "x"}]}}, "A-B"),
        ({"cache": {"type": "S3", "location": BUCKET}}, "cache type S3"),
        ({"source": {"type": "BITBUCKET", "location": "https://bitbucket.org/a/b"}}, "source type BITBUCKET"),
        ({"source": {"type": "GITHUB", "location": "https://example.org/a/b"}}, "valid GitHub repository"),
        ({"source": {"type": "NO_SOURCE"}}, "buildspec must be specified"),
        ({"source": NONE | {"gitSubmodulesConfig": {"fetchSubmodules": True}}}, "fetchSubmodules"),
        ({"source": {"type": "CODEPIPELINE"}}, "CODEPIPELINE"),
        ({"artifacts": {"type": "S3"}}, "location"),
        ({"logsConfig": {"s3Logs": {"status": "ENABLED", "location": BUCKET}}}, "s3Logs"),
        ({"buildBatchConfig": {"timeoutInMins": 60}}, "buildBatchConfig"),
        ({"badgeEnabled": True}, "badgeEnabled"),
    ],
)
def test_a_project_that_breaks_a_rule_is_refused(shop: Workshop, changes: dict[str, Any], message: str) -> None:
    """With InvalidInputException, naming the invalid value."""
    with pytest.raises(ClientError, match=message) as refused:
        shop.api.create_project(**(shop.arguments("contract-refused") | changes))
    assert refused.value.response["Error"]["Code"] == "InvalidInputException"
    assert shop.api.batch_get_projects(names=["contract-refused"])["projects"] == []


def test_a_project_is_kept_as_given_and_once(shop: Workshop) -> None:
    """Defaults are AWS's; a second project with the same name is refused; an update replaces the given fields."""
    made = shop.project("contract-kept", tags=[{"key": "a", "value": "b"}])
    assert (made["timeoutInMinutes"], made["queuedTimeoutInMinutes"]) == (60, 480)
    assert made["encryptionKey"].endswith(":alias/aws/s3")
    assert made["cache"] == {"type": "NO_CACHE"}
    with pytest.raises(shop.api.exceptions.ResourceAlreadyExistsException):
        shop.api.create_project(**shop.arguments("contract-kept"))
    with pytest.raises(ClientError, match="480"):
        shop.api.update_project(name="contract-kept", queuedTimeoutInMinutes=481)
    shop.api.update_project(name="contract-kept", timeoutInMinutes=30, description="new")
    found = shop.api.batch_get_projects(names=["contract-kept", made["arn"], "contract-missing"])
    assert [row["timeoutInMinutes"] for row in found["projects"]] == [30, 30]
    assert found["projectsNotFound"] == ["contract-missing"]
    assert found["projects"][0]["tags"] == [{"key": "a", "value": "b"}]
    assert "contract-kept" in shop.api.list_projects(sortBy="NAME")["projects"]
    with pytest.raises(shop.api.exceptions.ResourceNotFoundException):
        shop.api.update_project(name="contract-missing", timeoutInMinutes=30)


def test_a_start_that_cannot_run_here_is_refused_by_name(shop: Workshop) -> None:
    """Other architectures, debug sessions, a pipeline's project without a pipeline, too many builds."""
    shop.project("contract-start", environment=ARM)
    if qemu.ready(docker.from_env()):
        assert shop.run("contract-start")["buildStatus"] == "SUCCEEDED"
    else:
        with pytest.raises(
            ClientError, match=r"ARM_CONTAINER on this machine, x86_64 \(to emulate it, run: .* emulate"
        ):
            shop.start("contract-start")
    shop.project("contract-start", source={"type": "CODEPIPELINE"}, artifacts={"type": "CODEPIPELINE"})
    with pytest.raises(ClientError, match="only a pipeline can start it"):
        shop.start("contract-start")
    override: dict[str, Any] = {"sourceTypeOverride": "NO_SOURCE", "buildspecOverride": PLAIN}
    override |= {"artifactsOverride": {"type": "NO_ARTIFACTS"}}
    assert shop.run("contract-start", **override)["buildStatus"] == "SUCCEEDED"
    with pytest.raises(ClientError, match="debugSessionEnabled"):
        shop.start("contract-start", **override, debugSessionEnabled=True)
    with pytest.raises(shop.api.exceptions.ResourceNotFoundException):
        shop.start("contract-missing")
    waiting = {"type": "NO_SOURCE", "buildspec": "version: 0.2\nphases: {build: {commands: [sleep 5]}}\n"}
    shop.project("contract-start", source=waiting, concurrentBuildLimit=1)
    shop.start("contract-start")
    with pytest.raises(shop.api.exceptions.AccountLimitExceededException):
        shop.start("contract-start")
    shop.api.delete_project(name="contract-start")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("version: 0.1\n", "version 0.1"),
        ("phases: {build: {commands: [echo]}}\n", "version"),
        ("version: 0.2\n", "phases"),
        (f"{PLAIN}proxy: {{logs: yes}}\n", "proxy"),
        (f"{PLAIN}run-as: nobody\n", "run-as"),
        (f"{PLAIN}artefacts: {{files: [x]}}\n", "unknown key artefacts"),
        (f"{PLAIN}env: {{shell: powershell.exe}}\n", "powershell.exe"),
        (f"{PLAIN}env: {{git-credential-helper: yes}}\n", "git-credential-helper"),
        (
            f"{PLAIN}reports: {{r: {{files: [x], file-format: TAP}}}}\n",
            "TAP is not supported by the local cloud; it takes CUCUMBERJSON",
        ),
        ("version: 0.2\nphases: {deploy: {commands: [echo]}}\n", "deploy"),
        ("version: 0.2\nphases: {build: {on-failure: AGAIN, commands: [echo]}}\n", "AGAIN"),
        ("version: 0.2\nphases: {build: {commands: [{echo: x}]}}\n", "list of texts"),
        ("version: 0.2\nphases: {install: {runtime-versions: {nodejs: 20}}}\n", "nodejs 20"),
        ("version: 0.2\nphases: [\n", "YAML"),
    ],
)
def test_a_buildspec_that_cannot_be_run_fails_before_any_command(shop: Workshop, spec: str, message: str) -> None:
    """With YAML_FILE_ERROR, naming the invalid value."""
    build = shop.spec("contract-spec", spec)
    code, text = context(build, "DOWNLOAD_SOURCE")
    assert (build["buildStatus"], code) == ("FAILED", "YAML_FILE_ERROR")
    assert message in text


def test_a_runtime_that_the_image_lacks_fails_the_install_phase(shop: Workshop) -> None:
    """Another version of Python than the image's is not accepted."""
    spec = "version: 0.2\nphases: {install: {runtime-versions: {python: 3.11}, commands: [python3 --version]}}\n"
    build = shop.spec("contract-runtime", spec)
    assert (build["buildStatus"], "Python 3.11" in shop.text(build)) == ("SUCCEEDED", True), shop.text(build)
    build = shop.spec("contract-runtime", "version: 0.2\nphases: {install: {runtime-versions: {python: 2.7}}}\n")
    assert build["buildStatus"] == "FAILED"
    assert "Unknown runtime version named '2.7' of python" in shop.text(build)


def test_an_image_that_cannot_be_had_fails_the_provisioning(shop: Workshop) -> None:
    """With AWS's status code."""
    build = shop.spec("contract-image", PLAIN, environment=ENV | {"image": "127.0.0.1:1/none:1"})
    assert context(build, "PROVISIONING")[0] == "BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE"


def test_starts_can_be_overridden_repeated_and_listed(shop: Workshop) -> None:
    """Overrides reach the build; a start is idempotent by its token; a retry uses the original overrides."""
    shop.project("contract-list", source={"type": "NO_SOURCE", "buildspec": PLAIN})
    variables = [{"name": "WHO", "value": "world"}]
    spec = "version: 0.2\nphases: {build: {commands: ['echo \"hello $WHO\"']}}\n"
    arguments: dict[str, Any] = {"buildspecOverride": spec, "environmentVariablesOverride": variables}
    build = shop.run("contract-list", **arguments, timeoutInMinutesOverride=7, idempotencyToken="once")
    assert "hello world" in shop.log(build)
    assert (build["timeoutInMinutes"], build["buildNumber"]) == (7, 1)
    again = shop.start("contract-list", **arguments, timeoutInMinutesOverride=7, idempotencyToken="once")
    assert again == build["id"]
    with pytest.raises(ClientError, match="idempotencyToken"):
        shop.start("contract-list", idempotencyToken="once")
    retried = shop.wait(shop.api.retry_build(id=build["id"])["build"]["id"])
    assert "hello world" in shop.log(retried)
    assert shop.api.list_builds_for_project(projectName="contract-list")["ids"] == [retried["id"], build["id"]]
    assert shop.api.list_builds()["ids"][0] == retried["id"]
    with pytest.raises(ClientError, match="2160"):
        shop.start("contract-list", timeoutInMinutesOverride=2161)
    deleted = shop.api.batch_delete_builds(ids=[build["id"], "contract-list:none"])
    assert deleted["buildsDeleted"] == [build["arn"]]
    assert deleted["buildsNotDeleted"] == [{"id": "contract-list:none", "statusCode": "BUILD_NOT_FOUND"}]
