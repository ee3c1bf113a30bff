"""Releases of two services: what fails of one is put back of both; and a rollback that stops what is under way."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from tests.contract.lines import until
from tests.contract.pipelines import Works, stage
from tests.contract.releases import Releases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.cloud import Cloud

pytestmark = pytest.mark.local
GOOD, NEXT, KILLED = "a" * 40, "b" * 40, "1" * 40
BAD = f"{'f' * 37}bad"
SERVICES = ("web", "api")


@pytest.fixture(scope="module")
def site(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Releases]:
    """An environment of two services with one good release deployed and accepted."""
    site = Releases(cloud, tmp_path_factory.mktemp("paired"), "paired", SERVICES)
    accepted(site, GOOD)
    yield site
    for service in SERVICES:
        site.ecs.delete_service(cluster=site.name, service=service, force=True)


@pytest.fixture(autouse=True)
def good(site: Releases) -> dict[str, str]:
    """The revisions that are served before each test."""
    return serves(site)


def accepted(site: Releases, commit: str) -> None:
    """Deploy a good release and accept it."""
    path = site.candidate("good", commit)
    for command in (("deploy", "--release", path), ("acceptance", "--release", path, "--reports", site.folder)):
        code, told = site.delivery(*command)
        assert code == 0, told


def serves(site: Releases) -> dict[str, str]:
    """Return the revision that each service is set to run."""
    return {service: site.serves(service) for service in SERVICES}


@pytest.mark.parametrize(
    ("modes", "commit", "reason"),
    [
        ({"api": "crash"}, "c" * 40, "api: "),
        ({"web": "crash"}, "d" * 40, "web: "),
        ({"api": "liar"}, "e" * 40, "api: a wrong version is served"),
    ],
    ids=["the first", "the second", "a proof"],
)
def test_what_fails_of_one_service_is_put_back_of_both(
    site: Releases, good: dict[str, str], modes: dict[str, str], commit: str, reason: str
) -> None:
    """The other one is well; no release is served in part, and the last line names both."""
    code, told = site.delivery("deploy", "--release", site.candidate("good", commit, **modes))
    last = told.strip().splitlines()[-1]
    assert (code, serves(site)) == (1, good), told
    assert last.startswith(f"delivery deploy: {reason}"), told
    names = {service: arn.rpartition("/")[2] for service, arn in good.items()}
    assert f"put back: api serves {names['api']} ({GOOD}), web serves {names['web']} ({GOOD})" in last


def test_what_fails_its_acceptance_is_put_back_of_both(site: Releases, good: dict[str, str]) -> None:
    """The first suite that says no is enough."""
    path = site.candidate("good", BAD)
    assert site.delivery("deploy", "--release", path)[0] == 0
    code, told = site.delivery("acceptance", "--release", path, "--put-back", "--reports", site.folder)
    assert (code, serves(site)) == (1, good), told


def test_a_service_that_a_killed_deploy_had_brought_up_is_put_back_with_the_other(
    site: Releases, good: dict[str, str]
) -> None:
    """The retry finds it current, but nobody accepted it: it belongs to the release that fails."""
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


def test_a_rollback_takes_both_to_the_same_release(site: Releases, good: dict[str, str]) -> None:
    """Also when one of them has more revisions of it than the other."""
    accepted(site, NEXT)
    code, told = site.delivery("rollback")
    assert code == 0, told
    assert serves(site) == good
    history = site.delivery("history")[1]
    assert all(f"{service} in paired" in history for service in SERVICES)
    assert NEXT in history


def test_a_rollback_may_end_the_execution_that_deploys_now(
    site: Releases, cloud: Cloud, good: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Not unasked; it stops the build, and where that had deployed nothing, the good release simply stays."""
    line = Works(cloud, tmp_path_factory.mktemp("stopped"), "stopped").line(
        "contract-stopped", stage("Production", "sleep 300")
    )
    value = json.dumps({"pipeline": line.name, "stage": "Production"})
    name = "/slipway/paired/pipeline"
    cloud.client("ssm").put_parameter(Name=name, Type="String", Value=value)
    try:
        execution = line.first()
        line.entered("Production", execution)
        run = until(lambda: [row for row in line.actions(execution) if row["stageName"] == "Production"])[0]
        until(lambda: line.actions(execution)[-1]["output"]["executionResult"].get("externalExecutionId"))
        code, told = site.delivery("rollback")
        assert (code, line.status(execution)) == (1, "InProgress"), told
        assert f"execution {execution} is under way" in told
        code, told = site.delivery("rollback", "--stop-execution")
        assert code == 0, told
        assert f"execution {execution} had deployed nothing yet" in told
        assert (line.status(execution), serves(site)) == ("Stopped", good)
        assert run["actionName"] == "Run1"
        builds = cloud.client("codebuild")
        found = line.actions(execution)[-1]["output"]["executionResult"]["externalExecutionId"]
        assert builds.batch_get_builds(ids=[found])["builds"][0]["buildStatus"] == "STOPPED"
        assert "is open again" in site.delivery("resume")[1]
    finally:
        cloud.client("ssm").delete_parameter(Name=name)
        line.api.delete_pipeline(name=line.name)
