"""Releases from push to production, under a constant load; test_faults covers broken commits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from support.waiting import until
from tests.local.broken import QUICK
from tests.local.releases import ORDER, PIPELINE, RUN_SECONDS, Releases, version
from tests.local.stops import stop
from tests.local.workspace import changes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.load import Load
    from tests.local.fault_table import Faults
    from tests.local.workspace import Workspace

pytestmark = pytest.mark.local


@pytest.fixture(autouse=True)
def _no_request_fails(load: Load) -> Iterator[None]:
    """Check after each test that no request to production has failed."""
    failed, answered = len(load.failures), load.answered
    yield
    assert load.failures[failed:] == []
    assert load.answered > answered


def test_a_release_brings_what_up_changed_and_goes_on_after_kills_and_beside_a_later_push(
    workspace: Workspace, connected: Releases, faults: Faults, released: str
) -> None:
    """`up` of staging suffices for a new load balancer and a variable; the tested image does not change.

    Approval of an older release is possible and notes that staging has a newer one; a commit that was released before
    is not built again; after a kill of the local cloud during a deployment nothing is done twice.
    """
    first, digest = connected.execution_of(released), connected.digest(released)
    url = another_load_balancer(workspace)
    with faults.row("kill -9 of the local cloud during Staging/Deploy, Production/Deploy of one release") as row:
        commit = connected.push_with(QUICK | {"app/NOTE": lambda _: "older\n"}, "The older one")
        faults.served.add(commit)
        older = connected.execution_of(commit)
        connected.reach(older, "Staging/Deploy")
        workspace.kill()
        connected.reach(older, "Staging/Acceptance")
        connected.push_again(released)
        newer = connected.execution_of(released, other_than=first)
        acceptance = connected.reach(older, "Staging/Acceptance", "Succeeded")
        assert acceptance["output"]["outputVariables"]["URL"] == url
        assert connected.digest(commit) in connected.log(connected.actions(older)["Staging/Deploy"])
        connected.reach(older, "Approval/Approve")
        connected.reach(newer, "Staging/Promote", "Succeeded")
        assert connected.status(older) == "InProgress"
        assert released[:7] in connected.approve(older)
        connected.reach(older, "Production/Deploy")
        workspace.kill()
        assert connected.end(older) == "Succeeded", connected.told(older)
        row.stopped("`up` after each of 2 kills; the release went on to its end")
        assert list(connected.actions(older)) == ORDER
        assert version(workspace, "prod") == {"commit": commit, "digest": connected.digest(commit)}
        connected.approve(newer)
        assert connected.end(newer) == "Succeeded", connected.told(newer)
    assert list(connected.actions(newer)) == ORDER
    assert "it is reused" in connected.log(connected.actions(newer)["Build/Build"])
    for stack in ("staging", "prod"):
        assert version(workspace, stack) == {"commit": released, "digest": digest}
    assert running_environment(workspace, "staging")["GREETING"] == "hello"
    assert "GREETING" not in running_environment(workspace, "prod")


def another_load_balancer(workspace: Workspace) -> str:
    """Replace staging's load balancer, and add a variable to its service; returns the new url."""
    old = workspace.outputs("staging")["url"]

    def change(config: dict[str, Any]) -> None:
        config["slipway:environment"]["services"]["web"]["environment"] = {"GREETING": "hello"}

    workspace.edit("staging", change)
    urn = next(
        each["urn"] for each in workspace.resources("staging") if each["type"] == "aws:lb/loadBalancer:LoadBalancer"
    )
    workspace.must("bin/pulumi-local", "up", "-s", "staging", "--yes", "--skip-preview", "--replace", urn)
    new = str(workspace.outputs("staging")["url"])
    assert new != old
    return new


def running_environment(workspace: Workspace, stack: str) -> dict[str, str]:
    """Return the environment variables in the task definition of a stack's service."""
    outputs, ecs = workspace.outputs(stack), workspace.client("ecs")
    service = ecs.describe_services(cluster=outputs["cluster"], services=[outputs["services"]["web"]])["services"][0]
    found = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    return {pair["name"]: pair["value"] for pair in found["containerDefinitions"][0]["environment"]}


def test_after_a_rollback_nothing_is_released_until_it_is_resumed_and_a_webhook_needs_no_person(
    workspace: Workspace, connected: Releases, faults: Faults, released: str
) -> None:
    """The pipeline is triggered by a webhook and has no approval; only the rollback blocks a release."""
    good = connected.git("rev-parse", "HEAD")
    assert version(workspace, "prod")["commit"] == released != good
    connected.delivery("rollback", "--stack", "prod", "--to", good)
    assert version(workspace, "prod") == {"commit": good, "digest": connected.digest(good)}
    by_webhook(workspace)
    commit = connected.push_with(QUICK | {"app/NOTE": lambda _: "by webhook\n"}, "By webhook")
    execution = connected.execution_of(commit)
    connected.reach(execution, "Staging/Promote", "Succeeded")
    time.sleep(5)
    assert connected.status(execution) == "InProgress"
    assert version(workspace, "prod")["commit"] == good
    refuse_to_change_the_pipeline(workspace, execution)
    told = workspace.delivery("status", "--stack", "prod").stdout
    assert "resume" in told
    connected.delivery("resume", "--stack", "prod")
    assert connected.end(execution) == "Succeeded", connected.told(execution)
    assert "Approval/Approve" not in connected.actions(execution)
    assert version(workspace, "prod") == {"commit": commit, "digest": connected.digest(commit)}
    faults.served |= {good, commit}
    stop(connected, faults, "a failing unit test")


def refuse_to_change_the_pipeline(workspace: Workspace, execution: str) -> None:
    """Assert that `up` leaves the pipeline alone while an execution is in progress, and that its preview says so."""
    workspace.edit("prod", lambda config: config["slipway:pipeline"].update(approval="manual"))
    done = workspace.pulumi("up", "-s", "prod", "--yes")
    assert done.returncode != 0, done.stdout
    assert "does not change it while there is one" in done.stdout
    assert f"execution {execution}" in done.stdout
    assert "is in progress and would fail" in done.stdout
    workspace.edit("prod", lambda config: config["slipway:pipeline"].update(approval="automatic"))
    workspace.up("prod")


def by_webhook(workspace: Workspace) -> None:
    """Configure the pipeline with a webhook trigger and without approval."""

    def change(config: dict[str, Any]) -> None:
        config["slipway:pipeline"] |= {"trigger": "webhook", "approval": "automatic"}
        config["slipway:webhook_secret"] = {"secure": "v1:of:another:machine"}
        config["github:token"] = {"secure": "v1:of:another:machine"}

    workspace.client("codebuild").import_source_credentials(
        token="any", serverType="GITHUB", authType="PERSONAL_ACCESS_TOKEN"
    )
    workspace.edit("prod", change)
    workspace.up("prod")


def test_three_quick_pushes_give_three_test_results(workspace: Workspace, connected: Releases) -> None:
    """Each commit of another branch has its status."""
    commits = [connected.push_with(QUICK, f"Quick push {number}", branch="feature") for number in range(3)]
    states: dict[str, str] = {}

    def tested() -> bool:
        for commit in commits:
            answer = httpx.get(f"{connected.rest}/commits/{commit}/status").json()
            if answer["state"] in ("success", "failure", "error"):
                states[commit] = answer["state"]
        return len(states) == len(commits)

    until(tested, lambda: states, RUN_SECONDS)
    logs = [connected.logs_of_checks(commit)[-3000:] for commit in commits if states.get(commit) != "success"]
    assert states == dict.fromkeys(commits, "success"), "\n".join(logs)
    assert workspace.client("codebuild").list_builds_for_project(projectName=f"{PIPELINE}-checks")["ids"]


@pytest.mark.usefixtures("released")
def test_the_doctor_finds_nothing_wrong_and_says_what_it_cannot_ask(workspace: Workspace) -> None:
    """It checks account, services, url and pipeline; the local cloud has no Service Quotas, which is not a success."""
    done = workspace.delivery("doctor", "--stack", "prod")
    assert done.returncode == 0, done.stdout
    rows = {tuple(line.split()[:2]) for line in done.stdout.splitlines()}
    assert {("ok", "account"), ("ok", "services"), ("ok", "url"), ("ok", "pipeline")} <= rows, done.stdout
    assert not {row for row in rows if row[0] == "fail"}, done.stdout
    assert "ListServiceQuotas" in done.stdout, done.stdout


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_after_all_this_preview_shows_no_change(workspace: Workspace, stack: str) -> None:
    """Releases, rollbacks and failures cause no drift in the stacks."""
    done = workspace.pulumi("preview", "-s", stack)
    assert done.returncode == 0, done.stdout
    counted = changes(done.stdout)
    assert counted.pop("unchanged") > 30, done.stdout
    assert counted == {}, done.stdout


@pytest.mark.usefixtures("connected")
def test_what_the_apis_answered_all_along_fits_their_models(workspace: Workspace) -> None:
    """Every response in these tests, and now those that describe pipeline, builds, reports and services."""
    pipeline, build, ecs = (workspace.client(api) for api in ("codepipeline", "codebuild", "ecs"))
    executions = pipeline.list_pipeline_executions(pipelineName=PIPELINE)["pipelineExecutionSummaries"]
    for each in executions:
        pipeline.get_pipeline_execution(pipelineName=PIPELINE, pipelineExecutionId=each["pipelineExecutionId"])
    pipeline.get_pipeline(name=PIPELINE)
    pipeline.get_pipeline_state(name=PIPELINE)
    pipeline.list_webhooks()
    builds = build.list_builds()["ids"]
    details = build.batch_get_builds(ids=builds[:100])["builds"]
    build.batch_get_projects(names=sorted({each["projectName"] for each in details}))
    reports = [arn for each in details for arn in each.get("reportArns", [])]
    build.batch_get_reports(reportArns=reports[:100])
    build.describe_test_cases(reportArn=reports[0])
    workspace.client("codeconnections").list_connections()
    cluster = workspace.outputs("prod")["cluster"]
    deployments = ecs.list_service_deployments(cluster=cluster, service=workspace.outputs("prod")["services"]["web"])
    arns = [each["serviceDeploymentArn"] for each in deployments["serviceDeployments"]]
    ecs.describe_service_deployments(serviceDeploymentArns=arns[:20])
    assert workspace.recorder.problems == []
    assert {"GetPipelineState", "BatchGetBuilds", "DescribeTestCases", "ListConnections"} <= workspace.recorder.seen
