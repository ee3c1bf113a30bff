"""Builds that end early, and builds that outlive the local cloud's process."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import docker
import httpx
import pytest

from support.building import Workshop, context, phases, workshop
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud

LONG = """
version: 0.2
env: {parameter-store: {WORD: /contract/endings/word}, exported-variables: [LAST]}
phases:
  build:
    commands:
      - echo started
      - for n in $(seq 1 40); do echo "line $n $WORD"; sleep 0.1; done
      - LAST=reached
  post_build: {commands: [echo done with it]}
"""


@pytest.fixture
def shop(cloud: Cloud) -> Iterator[Workshop]:
    """CodeBuild, and the parameter that the long build reads."""
    cloud.client("ssm").put_parameter(Name="/contract/endings/word", Value="hush", Type="SecureString", Overwrite=True)
    yield from workshop(cloud)


def long(shop: Workshop, name: str, lines: int = 40, **more: object) -> str:
    """Start a build that prints ten lines a second and wait for the first one; returns its id."""
    shop.project(name, source={"type": "NO_SOURCE", "buildspec": LONG.replace("40", str(lines))}, **more)
    identifier = shop.start(name)
    shop.until(identifier, "started")
    return identifier


def advance(cloud: Cloud, seconds: float) -> None:
    """Advance the clock of pipelines and builds."""
    url = f"http://127.0.0.1:{cloud.environment['LOCALCLOUD_PORT']}/_localcloud/clock"
    body = json.dumps({"advance": seconds}).encode()
    httpx.post(url, content=body, timeout=5).raise_for_status()


def gone(cloud: Cloud) -> bool:
    """Wait until all build containers are removed."""
    return until(lambda: not cloud.containers("build"))


def test_a_stopped_build_ends_and_leaves_no_container(shop: Workshop, cloud: Cloud) -> None:
    """Its phase is STOPPED, its container is removed; stopping it again changes nothing."""
    identifier = long(shop, "contract-stop", 3000)
    shop.api.stop_build(id=identifier)
    build = shop.wait(identifier)
    assert (build["buildStatus"], phases(build)["BUILD"]) == ("STOPPED", "STOPPED")
    assert gone(cloud)
    assert shop.api.stop_build(id=identifier)["build"]["buildStatus"] == "STOPPED"


def test_what_a_stopped_build_has_started_goes_with_it(shop: Workshop, cloud: Cloud) -> None:
    """Containers, network and volume of its Compose project are removed: on AWS its Docker daemon ends with it."""
    service = "{image: '$PYTHON_IMAGE', command: [sleep, '300'], volumes: ['kept:/x']}"
    compose = f"{{services: {{one: {service}}}, volumes: {{kept: {{}}}}}}"
    spec = f"""
version: 0.2
phases:
  build:
    commands:
      - mkdir contract-left && cd contract-left
      - |
        echo "{compose}" > compose.yaml
      - docker compose up --detach
      - echo started; sleep 100
"""
    env = shop.arguments("x")["environment"] | {"privilegedMode": True}
    shop.project("contract-left", source={"type": "NO_SOURCE", "buildspec": spec}, environment=env)
    identifier = shop.start("contract-left")
    shop.until(identifier, "started")
    client, filters = docker.from_env(), {"label": "com.docker.compose.project=contract-left"}
    assert len(client.containers.list(filters=filters)) == 1
    shop.api.stop_build(id=identifier)
    shop.wait(identifier)
    assert gone(cloud)
    until(lambda: not client.volumes.list(filters=filters))
    assert client.containers.list(all=True, filters=filters) == []
    assert client.networks.list(filters=filters) == []
    assert client.volumes.list(filters=filters) == []


def test_a_build_times_out_by_the_clock(shop: Workshop, cloud: Cloud) -> None:
    """With AWS's status, context and message, exactly after its timeout."""
    identifier = long(shop, "contract-timeout", 3000, timeoutInMinutes=5)
    advance(cloud, 200)
    time.sleep(1)
    assert shop.build(identifier)["buildStatus"] == "IN_PROGRESS"
    advance(cloud, 120)
    build = shop.wait(identifier)
    assert (build["buildStatus"], phases(build)["BUILD"]) == ("TIMED_OUT", "TIMED_OUT")
    assert context(build, "BUILD") == ("BUILD_TIMED_OUT", "Build has timed out. ")
    assert gone(cloud)


def test_three_builds_run_at_once_and_the_others_wait_in_order(shop: Workshop, cloud: Cloud) -> None:
    """The fourth is QUEUED, where the queued timeout applies."""
    shop.project(
        "contract-queue",
        source={"type": "NO_SOURCE", "buildspec": LONG.replace("40", "3000")},
        queuedTimeoutInMinutes=5,
        timeoutInMinutes=480,
    )
    ids = [shop.start("contract-queue") for _ in range(5)]
    for identifier in ids[:3]:
        shop.until(identifier, "started")
    assert [shop.build(each)["currentPhase"] for each in ids[3:]] == ["QUEUED", "QUEUED"]
    shop.api.stop_build(id=ids[4])
    assert shop.wait(ids[4])["buildStatus"] == "STOPPED"
    advance(cloud, 301)
    build = shop.wait(ids[3])
    assert (build["buildStatus"], phases(build)["QUEUED"]) == ("TIMED_OUT", "TIMED_OUT")
    for identifier in ids[:3]:
        assert shop.build(identifier)["buildStatus"] == "IN_PROGRESS"
        shop.api.stop_build(id=identifier)
    assert [shop.wait(each)["buildStatus"] for each in ids[:3]] == ["STOPPED"] * 3


def test_a_build_outlives_a_killed_local_cloud(shop: Workshop, cloud: Cloud) -> None:
    """It keeps running, and its log is complete, in order, without duplicates, with secrets masked."""
    identifier = long(shop, "contract-killed", 150)
    shop.until(identifier, "line 5 ***")
    cloud.kill()
    time.sleep(1)
    cloud.command("up", "--yes")
    assert shop.build(identifier)["buildStatus"] == "IN_PROGRESS"
    build = shop.wait(identifier)
    assert build["buildStatus"] == "SUCCEEDED", build["phases"]
    assert [line for line in shop.log(build) if line.startswith("line")] == [f"line {n} ***" for n in range(1, 151)]
    assert len([row for row in build["phases"] if row["phaseType"] == "BUILD"]) == 1
    assert build["exportedEnvironmentVariables"] == [{"name": "LAST", "value": "reached"}]
    assert gone(cloud)


def test_a_build_that_ended_while_the_local_cloud_was_down_is_judged_afterwards(shop: Workshop, cloud: Cloud) -> None:
    """Queued builds run after it."""
    shop.project("contract-later", source={"type": "NO_SOURCE", "buildspec": LONG})
    ids = [shop.start("contract-later") for _ in range(4)]
    for identifier in ids[:3]:
        shop.until(identifier, "started")
    cloud.kill()
    time.sleep(6)
    cloud.command("up", "--yes")
    assert [shop.wait(each)["buildStatus"] for each in ids] == ["SUCCEEDED"] * 4
    assert gone(cloud)


def test_a_build_whose_container_was_stopped_fails_cleanly(shop: Workshop, cloud: Cloud) -> None:
    """`down` stops containers, so that the build cannot continue; its message says so."""
    identifier = long(shop, "contract-down", 300)
    cloud.command("down")
    cloud.command("up", "--yes")
    build = shop.wait(identifier)
    assert build["buildStatus"] == "FAILED"
    assert "was removed or stopped while the local cloud did not run" in context(build, "BUILD")[1]
    assert gone(cloud)


def test_a_command_that_kills_its_shell_fails_the_build(shop: Workshop) -> None:
    """A premature end of the shell is never a success."""
    build = shop.spec(
        "contract-suicide", "version: 0.2\nphases: {build: {commands: ['trap - EXIT; exit 0', echo x]}}\n"
    )
    assert build["buildStatus"] == "FAILED"
    assert "a command has ended it" in context(build, "BUILD")[1]


def test_deleting_a_project_stops_and_removes_its_builds(shop: Workshop, cloud: Cloud) -> None:
    """As on AWS."""
    identifier = long(shop, "contract-deleted", 3000)
    shop.api.delete_project(name="contract-deleted")
    assert shop.api.batch_get_builds(ids=[identifier])["buildsNotFound"] == [identifier]
    assert gone(cloud)
