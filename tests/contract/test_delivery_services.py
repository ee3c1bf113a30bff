"""Releases of two services: a failure of one rolls back both; and a rollback that stops a running execution."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from support.pipelines import Line, Works, stage
from support.waiting import until
from tests import service_facts
from tests.contract.releases import Releases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud

pytestmark = pytest.mark.local
KILLED = "1" * 40
BAD = f"{'f' * 37}bad"
SERVICES = ("web", "api")


@pytest.fixture(scope="module")
def site(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Releases]:
    """An environment with two services that run their first images."""
    site = Releases(cloud, tmp_path_factory.mktemp("paired"), "paired", SERVICES)
    yield site
    for service in SERVICES:
        site.ecs.delete_service(cluster=site.name, service=service, force=True)


@pytest.fixture(autouse=True)
def good(site: Releases) -> dict[str, str]:
    """The revisions that are served before each test, by service."""
    return serves(site)


def serves(site: Releases) -> dict[str, str]:
    """Return the revision in each service's definition."""
    return {service: site.serves(service) for service in SERVICES}


@pytest.mark.parametrize(
    ("modes", "commit", "reason"),
    [
        ({"api": "crash"}, "c" * 40, "api: "),
        ({"web": "crash"}, "d" * 40, "web: "),
    ],
    ids=["the first", "the second"],
)
def test_what_fails_of_one_service_is_put_back_of_both(
    site: Releases, good: dict[str, str], modes: dict[str, str], commit: str, reason: str
) -> None:
    """The other one is healthy; a release is never served in part, and the last line names both."""
    code, told = site.delivery("deploy", "--release", site.candidate("good", commit, **modes))
    last = told.strip().splitlines()[-1]
    assert (code, serves(site)) == (1, good), told
    assert last.startswith(f"delivery deploy: {reason}"), told
    names = {service: arn.rpartition("/")[2] for service, arn in good.items()}
    assert f"put back: api serves {names['api']} (content-1), web serves {names['web']} (content-1)" in last


def test_what_fails_its_acceptance_is_put_back_of_both(site: Releases, good: dict[str, str]) -> None:
    """The first failing suite suffices."""
    path = site.candidate("good", BAD)
    assert site.delivery("deploy", "--release", path)[0] == 0
    code, told = site.delivery("acceptance", "--release", path, "--put-back", "--reports", site.folder)
    assert (code, serves(site)) == (1, good), told


def test_a_service_that_a_killed_deploy_had_brought_up_is_put_back_with_the_other(
    site: Releases, good: dict[str, str]
) -> None:
    """The retry finds it current but not accepted: it belongs to the failing release."""
    path = site.candidate("good", KILLED, web="never")
    process = site.start("deploy", "--release", path)
    assert process.stdout is not None
    assert any("api: SUCCESSFUL" in line for line in process.stdout)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert site.serves("api") != good["api"]
    code, told = site.delivery("deploy", "--release", path)
    assert (code, serves(site)) == (1, good), told
    assert "api serves" in told.strip().splitlines()[-1]


def test_a_rollback_may_end_the_execution_that_deploys_now(
    site: Releases, cloud: Cloud, good: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Only on request; it stops the execution and its build, and rolls back what they have deployed."""
    line = Works(cloud, tmp_path_factory.mktemp("stopped"), "stopped").line(
        "contract-stopped", stage("Production", "sleep 300")
    )
    facts = {"Name": "/slipway/paired/pipeline", "Value": service_facts.pipeline(line.name).payload()}
    cloud.client("ssm").put_parameter(**facts, Type="String")
    execution = line.first()
    try:
        assert site.delivery("deploy", "--release", site.candidate("good", "2" * 40))[0] == 0
        line.entered("Production", execution)
        build = until(lambda: build_of(line, execution))
        code, told = site.delivery("rollback")
        assert (code, line.status(execution)) == (1, "InProgress"), told
        assert f"execution {execution} is under way" in told
        code, told = site.delivery("rollback", "--stop-execution")
        assert (code, serves(site)) == (0, good), told
        assert line.status(execution) == "Stopped"
        found = cloud.client("codebuild").batch_get_builds(ids=[build])["builds"]
        assert found[0]["buildStatus"] == "STOPPED"
        assert "is open again" in site.delivery("resume")[1]
    finally:
        cloud.client("ssm").delete_parameter(Name=facts["Name"])
        line.api.delete_pipeline(name=line.name)


def build_of(line: Line, execution: str) -> str:
    """Return the build of an execution, empty before it has started."""
    newest = line.actions(execution)[-1]
    return str(newest.get("output", {}).get("executionResult", {}).get("externalExecutionId") or "")
