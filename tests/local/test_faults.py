"""Faults on the way to production, injected one by one under a constant load; `make faults` runs all of them."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import docker
import httpx
import pytest

from contract.images import in_use_tag
from support.waiting import until
from tests.local.broken import COMMITS, QUICK, UNSAFE
from tests.local.hostile import REQUESTS, attacker
from tests.local.releases import ORDER, PIPELINE, Releases, version
from tests.local.stops import stop
from tests.local.unsound import UNSOUND
from tests.local.workspace import NETWORK

if TYPE_CHECKING:
    from tests.local.fault_table import Faults
    from tests.local.workspace import Workspace

pytestmark = pytest.mark.local
ALWAYS = ("a browser test that fails in staging only",)
"""The broken commits of every run of the tests: one for the last gate before approval; test_release has the first."""


def commits() -> list[object]:
    """Return the broken commits; those for `make faults` only are marked."""
    return [pytest.param(kind, marks=() if kind in ALWAYS else pytest.mark.rare) for kind in COMMITS]


def test_a_pushed_commit_reaches_production_as_the_one_image_that_was_built(
    workspace: Workspace, connected: Releases, released: str
) -> None:
    """It passes every stage; both environments serve its digest, whose tags record its stages.

    Nothing else has tested it: the checks are for other branches.
    """
    digest = connected.digest(released)
    for stack in ("staging", "prod"):
        assert version(workspace, stack) == {"commit": released, "digest": digest}
    execution = connected.execution_of(released)
    wanted = {f"candidate-{released}", f"accepted-{released}", f"released-{released}-{execution[:8]}"}
    wanted |= {in_use_tag(stack, digest) for stack in ("staging", "prod")}
    assert connected.tags(digest) == wanted
    assert released not in connected.checked()


@pytest.mark.parametrize("kind", commits())
def test_a_broken_commit_is_stopped_at_its_place(connected: Releases, faults: Faults, kind: str) -> None:
    """Earlier actions have run, later ones have not; both environments keep serving the previous release."""
    stop(connected, faults, kind)


def test_a_release_is_rejected_or_expires_or_is_put_back_when_only_production_breaks(
    workspace: Workspace, connected: Releases, faults: Faults, released: str
) -> None:
    """One commit, three outcomes: approval is rejected, expires, or is given and the release fails in production."""
    commit = connected.push_with(QUICK | UNSAFE, "Breaks in production only")
    execution = connected.execution_of(commit)
    connected.reach(execution, "Approval/Approve")
    with faults.row("an approval that is rejected") as row:
        connected.delivery("reject", "--stack", "prod", "--execution", execution, "--reason", "not on a Friday")
        assert connected.end(execution) == "Failed"
        row.stopped("Approval/Approve")
        assert "not on a Friday" in connected.told(execution)

    connected.delivery("retry", "--stack", "prod", "--execution", execution)
    connected.reach(execution, "Approval/Approve")
    with faults.row("an approval that nobody gives in time") as row:
        assert workspace.cloud("clock", str(8 * 24 * 3600)).returncode == 0
        row.begins()
        assert connected.end(execution) == "Failed"
        row.stopped("Approval/Approve")
        assert "timed out" in connected.told(execution)
    assert version(workspace, "prod")["commit"] == released

    connected.delivery("retry", "--stack", "prod", "--execution", execution)
    connected.reach(execution, "Approval/Approve")
    faults.served.add(commit)  # until the failure is detected
    with faults.row("a smoke test that fails in production only") as row:
        connected.approve(execution)
        row.begins()
        assert connected.end(execution) == "Failed"
        ran = connected.actions(execution)
        row.stopped("Production/Smoke, put back")
        assert (ran["Production/Deploy"]["status"], ran["Production/Smoke"]["status"]) == ("Succeeded", "Failed")
        assert version(workspace, "prod") == {"commit": released, "digest": connected.digest(released)}
        assert not [tag for tag in connected.tags(connected.digest(commit)) if tag.startswith("released-")]


@pytest.mark.rare
def test_a_release_goes_on_where_the_local_cloud_was_killed(
    workspace: Workspace, connected: Releases, faults: Faults
) -> None:
    """At any moment: the next `up` resumes what was in progress, and nothing is done twice.

    Every run of the tests kills it in the middle of both deploys: tests/local/test_release.py.
    """
    with faults.row(f"kill -9 of the local cloud during {', '.join(ORDER)} of one release") as row:
        commit = connected.push_with(QUICK | {"app/NOTE": lambda _: "killed\n"}, "Killed on the way")
        faults.served.add(commit)
        workspace.kill()
        execution = connected.execution_of(commit)
        for action in ORDER[1:]:
            connected.reach(execution, action)
            workspace.kill()
            if action == "Approval/Approve":
                connected.approve(execution)
        assert connected.end(execution) == "Succeeded", connected.told(execution)
        row.stopped(f"`up` after each of {len(ORDER)} kills; the release went on to its end")
        assert list(connected.actions(execution)) == ORDER
        assert version(workspace, "prod") == {"commit": commit, "digest": connected.digest(commit)}
    faults.served.add(commit)


def test_hostile_requests_are_refused_and_start_nothing(
    workspace: Workspace, connected: Releases, faults: Faults
) -> None:
    """No build or execution starts, and production is not affected; localcloud/tests/apis covers more requests."""
    path = urlsplit(workspace.outputs("prod")["webhook_url"]).path
    started = activity(workspace, connected)
    with ExitStack() as rows:
        for kind, hostile in REQUESTS.items():
            row = rows.enter_context(faults.row(kind))
            answer = hostile.send(attacker(workspace), path)
            assert answer.status in hostile.status, (kind, answer)
            row.stopped(f"HTTP {answer.status}")
            assert activity(workspace, connected) == started, kind


def activity(workspace: Workspace, releases: Releases) -> tuple[int, int]:
    """Return the number of builds and of executions so far."""
    pages = releases.pipeline.get_paginator("list_pipeline_executions").paginate(pipelineName=PIPELINE)
    executions = sum(len(page["pipelineExecutionSummaries"]) for page in pages)
    return len(workspace.client("codebuild").list_builds()["ids"]), executions


@pytest.mark.rare
@pytest.mark.parametrize("kind", UNSOUND)
def test_what_cannot_work_is_refused_by_name(
    workspace: Workspace, connected: Releases, faults: Faults, kind: str
) -> None:
    """Running resources are not affected; the tests of setup and configuration cover many more cases."""
    unsound = UNSOUND[kind]
    started = activity(workspace, connected)
    with faults.row(kind) as row:
        done = workspace.run(*unsound.command(workspace), more=unsound.environment)
        assert done.returncode == 1, done.stdout
        for word in unsound.says:
            assert word in done.stdout, done.stdout
        row.stopped(f"exit code {done.returncode}")
        assert activity(workspace, connected) == started


@pytest.mark.rare
@pytest.mark.usefixtures("released")
def test_a_database_that_is_away_for_a_minute_replaces_no_task(workspace: Workspace, faults: Faults) -> None:
    """As during a failover: staging answers 503 until the database is back, and serves again by itself."""
    url, tasks = workspace.outputs("staging")["url"], tasks_of(workspace)
    (database,) = docker.from_env().containers.list(
        filters={"label": [f"slipway.network={NETWORK}", "slipway.kind=database"], "name": "staging"}
    )
    with faults.row("the database of staging away for 60 s") as row:
        database.pause()
        try:
            time.sleep(60)
            assert httpx.get(f"{url}/healthz").status_code == 200
            assert httpx.get(f"{url}/readyz", timeout=30).status_code == 503
        finally:
            database.unpause()
        until(lambda: httpx.get(f"{url}/readyz", timeout=30).status_code == 200, lambda: "staging does not serve again")
        row.stopped("liveness apart from readiness: no task was replaced, and staging served again by itself")
        assert tasks_of(workspace) == tasks


def tasks_of(workspace: Workspace) -> list[str]:
    """Return the ARNs of staging's tasks."""
    arns: list[str] = workspace.client("ecs").list_tasks(cluster="slipway-staging")["taskArns"]
    return sorted(arns)


@pytest.mark.rare
@pytest.mark.parametrize("phase", ["PROVISIONING", "BUILD"])
def test_a_release_goes_on_where_docker_was_killed(
    workspace: Workspace, connected: Releases, faults: Faults, phase: str
) -> None:
    """During staging's rollout: containers survive the engine; the deployment continues, or fails and is retried."""
    engine = pid_of_our_engine()
    if engine is None:
        pytest.skip("the Docker Engine was not started by Slipway: whose it is, kills it")
    with faults.row(f"kill -9 of Docker in Staging/Deploy's phase {phase}") as row:
        commit = connected.push_with(QUICK | {"app/NOTE": lambda _: f"{phase}\n"}, "Docker killed on the way")
        execution = connected.execution_of(commit)
        connected.reach_phase(execution, "Staging/Deploy", phase)
        row.begins()
        os.kill(engine, signal.SIGKILL)
        done = workspace.cloud("up", "--yes")
        assert done.returncode == 0, done.stdout
        faults.served.add(commit)
        outcome = "the release went on"
        if connected.stopped(execution) == "Failed":
            outcome = "the deploy had failed and was retried"
            assert list(connected.actions(execution))[-1] == "Staging/Deploy", connected.told(execution)
            connected.delivery("retry", "--stack", "prod", "--execution", execution)
        row.stopped(f"`up` started it again; {outcome}")
        connected.approve(execution)
        assert connected.end(execution) == "Succeeded", connected.told(execution)
        assert version(workspace, "prod") == {"commit": commit, "digest": connected.digest(commit)}


def pid_of_our_engine() -> int | None:
    """Return the pid of the Docker Engine that `make up` started, or None if it did not start one."""
    cache = Path(os.environ.get("LOCALCLOUD_CACHE") or Path.home() / ".cache/slipway")
    try:
        pid = int((cache / "dockerd.pid").read_text("utf-8"))
        return pid if Path(f"/proc/{pid}/comm").read_text("utf-8").strip() == "dockerd" else None
    except (OSError, ValueError):
        return None
