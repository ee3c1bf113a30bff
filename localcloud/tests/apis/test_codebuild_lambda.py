"""Builds on CodeBuild's Lambda compute: what AWS refuses of a project, and what a build cannot do."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import httpx
import pytest
from botocore.exceptions import ClientError

from localcloud.docker_engine import qemu
from support.building import BUCKET, Workshop, context, phases, workshop
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud

LAMBDA = {
    "type": "LINUX_LAMBDA_CONTAINER",
    "image": "aws/codebuild/amazonlinux-x86_64-lambda-standard:python3.12",
    "computeType": "BUILD_LAMBDA_1GB",
}
ARM = LAMBDA | {
    "type": "ARM_LAMBDA_CONTAINER",
    "image": "aws/codebuild/amazonlinux-aarch64-lambda-standard:python3.12",
}
CACHE = {"type": "LOCAL", "modes": ["LOCAL_CUSTOM_CACHE"]}
FLEET = "arn:aws:codebuild:eu-central-1:000000000000:fleet/fast:00000000-0000-0000-0000-000000000001"
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"environment": LAMBDA | {"privilegedMode": True}}, "Cannot specify privilegedMode for lambda compute"),
    ({"environment": LAMBDA | {"fleet": {"fleetArn": FLEET}}}, "Cannot specify fleet for lambda compute"),
    ({"environment": LAMBDA | {"computeType": "BUILD_GENERAL1_SMALL"}}, "Invalid compute type BUILD_GENERAL1_SMALL"),
    ({"environment": LAMBDA, "timeoutInMinutes": 10}, "Cannot specify timeoutInMinutes for lambda compute"),
    ({"environment": LAMBDA, "timeoutInMinutes": 20}, "Cannot specify timeoutInMinutes for lambda compute"),
    ({"environment": LAMBDA, "queuedTimeoutInMinutes": 60}, "Cannot specify queuedTimeoutInMinutes for lambda compute"),
    ({"environment": LAMBDA, "cache": CACHE}, "Cannot specify cache for lambda compute"),
    ({"environment": LAMBDA, "vpcConfig": {"vpcId": "vpc-1", "subnets": ["subnet-1"]}}, "Cannot specify vpcConfig"),
    ({"environment": LAMBDA | {"image": "aws/codebuild/amazonlinux-x86_64-standard:5.0"}}, "does not fit"),
]
SEEN = """
version: 0.2
env: {exported-variables: [WHO]}
phases:
  install: {runtime-versions: {python: 3.9}}
  build:
    commands:
      - WHO=$(id -u)
      - echo "user $WHO, home $HOME, folder $PWD"
      - for at in / /root /usr/local /var/tmp /home; do touch "$at/x" 2>/dev/null && echo "wrote $at"; done; true
      - test -e /var/run/docker.sock && echo "a socket"; true
      - echo kept > /tmp/kept && mkdir "$HOME/made" && echo '<testsuite><testcase name="a"/></testsuite>' > /tmp/r.xml
      - cat /tmp/kept
      - echo made > here.txt
      - printf '#!/bin/sh\\necho ran' > /tmp/program && chmod +x /tmp/program && /tmp/program
reports: {seen: {files: [/tmp/r.xml]}}
artifacts: {files: [here.txt]}
"""


@pytest.fixture
def shop(cloud: Cloud) -> Iterator[Workshop]:
    """CodeBuild."""
    yield from workshop(cloud)


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_what_lambda_compute_does_not_have_is_refused(shop: Workshop, changes: dict[str, Any], message: str) -> None:
    """When a project is created, and when one is moved there."""
    name = "contract-lambda-refused"
    with pytest.raises(ClientError, match=message) as refused:
        shop.api.create_project(**(shop.arguments(name) | changes))
    assert refused.value.response["Error"]["Code"] == "InvalidInputException"
    shop.project(name)
    with pytest.raises(ClientError, match=message):
        shop.api.update_project(name=name, **changes)
    shop.api.delete_project(name=name)


def test_a_project_moves_there_without_what_it_had_and_back(shop: Workshop) -> None:
    """Its time limit may stay as it is, unsaid; its cache has to go."""
    name = "contract-lambda-moved"
    plain = shop.project(name, timeoutInMinutes=60, cache=CACHE)["environment"]
    with pytest.raises(ClientError, match="Cannot specify cache for lambda compute"):
        shop.api.update_project(name=name, environment=LAMBDA)
    moved = shop.api.update_project(name=name, environment=LAMBDA, cache={"type": "NO_CACHE"})["project"]
    assert (moved["environment"]["type"], moved["cache"]) == (LAMBDA["type"], {"type": "NO_CACHE"})
    with pytest.raises(ClientError, match="Cannot specify timeoutInMinutes for lambda compute"):
        shop.start(name, timeoutInMinutesOverride=5)
    back = shop.api.update_project(name=name, environment=plain, cache=CACHE, timeoutInMinutes=30)["project"]
    assert (back["environment"]["type"], back["cache"]) == ("LINUX_CONTAINER", CACHE)
    shop.api.delete_project(name=name)


def test_a_build_is_no_root_and_writes_nothing_but_below_tmp_and_its_source(shop: Workshop, cloud: Cloud) -> None:
    """Docker refuses it; what it leaves below /tmp and in its folder is found, and nothing stays behind."""
    group = shop.api.create_report_group(
        name="contract-lambda-seen", type="TEST", exportConfig={"exportConfigType": "NO_EXPORT"}
    )["reportGroup"]["arn"]
    where = {"type": "S3", "location": BUCKET, "path": "lambda", "name": "out.zip", "packaging": "ZIP"}
    build = shop.spec("contract-lambda", SEEN, environment=LAMBDA, artifacts=where)
    text = shop.text(build)
    assert build["buildStatus"] == "SUCCEEDED", text
    ((variable),) = build["exportedEnvironmentVariables"]
    assert variable["value"] not in ("", "0")
    assert f"user {variable['value']}, home /tmp, folder " in text
    said = set(shop.log(build))
    assert {"kept", "ran"} <= said
    assert not {line for line in said if line.startswith(("wrote ", "a socket"))}
    assert "Skipping install of runtimes" in text
    assert shop.archive("lambda/out.zip").read("here.txt") == b"made\n"
    (report,) = shop.api.batch_get_reports(reportArns=build["reportArns"])["reports"]
    assert report["testSummary"]["total"] == 1
    shop.api.delete_report_group(arn=group, deleteReports=True)
    folders = Path(cloud.environment["LOCALCLOUD_STATE"]) / "builds"
    until(lambda: not cloud.containers("build") and not list(folders.iterdir()))


def test_a_command_that_writes_elsewhere_fails_the_build(shop: Workshop) -> None:
    """As on AWS, where it passes on EC2 compute."""
    spec = "version: 0.2\nphases: {build: {commands: [mkdir -p /root/.cache/delivery]}}\n"
    build = shop.spec("contract-lambda-root", spec, environment=LAMBDA)
    assert (build["buildStatus"], phases(build)["BUILD"]) == ("FAILED", "FAILED")
    assert shop.spec("contract-lambda-root", spec)["buildStatus"] == "SUCCEEDED"


def test_a_build_ends_after_fifteen_minutes(shop: Workshop, cloud: Cloud) -> None:
    """The project's limit there, which nobody can change."""
    waits = {"type": "NO_SOURCE", "buildspec": "version: 0.2\nphases: {build: {commands: [echo started, sleep 300]}}\n"}
    shop.project("contract-lambda-long", source=waits, environment=LAMBDA)
    identifier = shop.start("contract-lambda-long")
    shop.until(identifier, "started")
    advance(cloud, 14 * 60)
    time.sleep(1)
    assert shop.build(identifier)["buildStatus"] == "IN_PROGRESS"
    advance(cloud, 60)
    build = shop.wait(identifier)
    assert (build["buildStatus"], context(build, "BUILD")[0]) == ("TIMED_OUT", "BUILD_TIMED_OUT")


def test_another_architecture_is_refused_unless_it_is_emulated(shop: Workshop) -> None:
    """As on EC2 compute."""
    shop.project("contract-lambda-arm", environment=ARM)
    if qemu.ready(docker.from_env()):
        assert shop.run("contract-lambda-arm")["buildStatus"] == "SUCCEEDED"
    else:
        with pytest.raises(ClientError, match=r"ARM_LAMBDA_CONTAINER on this machine, x86_64 \(to emulate it, run: "):
            shop.start("contract-lambda-arm")


def advance(cloud: Cloud, seconds: float) -> None:
    """Advance the clock of pipelines and builds."""
    url = f"http://127.0.0.1:{cloud.environment['LOCALCLOUD_PORT']}/_localcloud/clock"
    httpx.post(url, content=json.dumps({"advance": seconds}).encode(), timeout=5).raise_for_status()
