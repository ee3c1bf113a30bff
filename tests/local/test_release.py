"""A pushed commit on its way to production, and everything that has to stop it: under a constant load throughout."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.local.load import Load
from tests.local.releases import ORDER, PIPELINE, Releases, summary
from tests.local.workspace import changes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.local.workspace import Workspace

pytestmark = pytest.mark.local
SLOW = "/api/entries/wait?after=999999999&timeout=2"
ENTRY = "app/src/guestbook/__main__.py"
BROWSER = "app/tests/acceptance/test_browser.py"
FUTURE = "from __future__ import annotations\n"
BROKEN = '"""Broken on purpose."""\n\nimport os\n\n\ndef test_broken() -> None:\n    assert {}, "broken on purpose"\n'


def a_test(condition: str) -> Callable[[str], str]:
    """Return a change that makes a file a test which passes only under a condition."""
    return lambda _: BROKEN.format(condition)


# Deployed tasks know their digest; a container in Compose does not. A smoke test is the only one that is safe only.
ONLY_DEPLOYED = '"EXPECTED_DIGEST" not in os.environ or not os.environ["EXPECTED_DIGEST"]'
FAULTS: dict[str, tuple[str, dict[str, Callable[[str], str]], str]] = {
    "a failing unit test": ("Test/Test", {"app/tests/unit/test_broken.py": a_test("False")}, "broken on purpose"),
    "a failing integration test": (
        "Test/Test",
        {"app/tests/integration/test_broken.py": a_test("False")},
        "broken on purpose",
    ),
    "a failing acceptance test of the image": (
        "Build/Build",
        {"app/tests/acceptance/test_broken.py": a_test("False")},
        "broken on purpose",
    ),
    "an acceptance test that fails in staging only": (
        "Staging/Acceptance",
        {"app/tests/acceptance/test_broken.py": a_test(ONLY_DEPLOYED)},
        "broken on purpose",
    ),
    "a browser test that fails in staging only": (
        "Staging/Acceptance",
        {
            BROWSER: lambda text: (
                f"{text}\n\ndef test_broken(page: Page) -> None:\n"
                '    page.goto("/")\n'
                f"    wanted = 'Guest book' if {ONLY_DEPLOYED} else 'broken on purpose'\n"
                '    expect(page.get_by_role("heading", name=wanted)).to_be_visible()\n'
            )
        },
        "broken on purpose",
    ),
    "an image that never becomes healthy": (
        "Staging/Deploy",
        {
            ENTRY: lambda text: text.replace(
                FUTURE, f'{FUTURE}import os, time\nif os.environ.get("IMAGE_DIGEST"): time.sleep(3600)\n'
            )
        },
        "circuit breaker",
    ),
    "a wrong version served": (
        "Staging/Deploy",
        {
            ENTRY: lambda text: text.replace(
                FUTURE, f'{FUTURE}import os\nif os.environ.get("IMAGE_DIGEST"): os.environ["APP_VERSION"] = "wrong"\n'
            )
        },
        "wrong",
    ),
}


@pytest.fixture(scope="module")
def load(workspace: Workspace, connected: Releases) -> Iterator[Load]:  # noqa: ARG001 - production is up
    """Requests to production from the first release to the last."""
    with Load(workspace.outputs("prod")["url"], SLOW, rate=20) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_request_fails(load: Load) -> Iterator[None]:
    """Whatever happens in a test, no user of production notices."""
    failed, good = load.failed, load.counts["200"]
    yield
    assert load.failed == failed, load.first_failures
    assert load.counts["200"] > good


@pytest.fixture(scope="module")
def released(connected: Releases, load: Load) -> str:  # noqa: ARG001 - under load from the beginning
    """The first commit, in production: its hash."""
    commit = connected.git("rev-parse", "HEAD")
    execution = connected.execution_of(commit)
    connected.approve(execution)
    assert connected.end(execution) == "Succeeded", connected.told(execution)
    assert list(connected.actions(execution)) == ORDER
    assert {row["status"] for row in connected.actions(execution).values()} == {"Succeeded"}
    return commit


def version(workspace: Workspace, stack: str) -> dict[str, str]:
    """Return what a stack's url says that it serves."""
    answer = httpx.get(workspace.outputs(stack)["url"] + "/version").json()
    return dict(answer)


def test_a_pushed_commit_reaches_production_as_the_one_image_that_was_built(
    workspace: Workspace, connected: Releases, released: str
) -> None:
    """Through every stage; both environments serve that digest, and its tags tell the story."""
    digest = connected.digest(released)
    for stack in ("staging", "prod"):
        assert version(workspace, stack) == {"commit": released, "digest": digest}
    execution = connected.execution_of(released)
    wanted = {f"candidate-{released}", f"accepted-{released}", f"released-{released}-{execution[:8]}"}
    assert connected.tags(digest) == wanted


@pytest.mark.usefixtures("released")
@pytest.mark.parametrize("kind", FAULTS)
def test_what_is_broken_is_stopped_at_its_place(workspace: Workspace, connected: Releases, kind: str) -> None:
    """What comes before has run, nothing after it has; both environments serve what they served before."""
    place, broken, word = FAULTS[kind]
    before = {stack: version(workspace, stack) for stack in ("staging", "prod")}
    execution = connected.execution_of(connected.push_with(broken, kind))
    assert connected.end(execution) == "Failed", connected.told(execution)
    ran = connected.actions(execution)
    assert list(ran) == ORDER[: ORDER.index(place) + 1]
    assert [name for name, row in ran.items() if row["status"] != "Succeeded"] == [place]
    assert summary(ran[place])
    assert word in connected.log(ran[place])
    told = workspace.delivery("status", "--stack", "prod", "--execution", execution)
    assert summary(ran[place])[:40] in " ".join(told.stdout.split()), told.stdout
    assert {stack: version(workspace, stack) for stack in ("staging", "prod")} == before


def test_a_replaced_load_balancer_a_new_variable_and_the_same_commit_again(
    workspace: Workspace, connected: Releases, released: str
) -> None:
    """`up` of staging alone is enough for both to arrive; nothing is built twice."""
    digest, first = connected.digest(released), connected.execution_of(released)
    old = workspace.outputs("staging")["url"]

    def change(config: dict[str, Any]) -> None:
        config["slipway:environment"]["services"]["web"]["environment"] = {"GREETING": "hello"}

    workspace.edit("staging", change)
    urn = next(
        each["urn"] for each in workspace.resources("staging") if each["type"] == "aws:lb/loadBalancer:LoadBalancer"
    )
    workspace.must("bin/pulumi-local", "up", "-s", "staging", "--yes", "--skip-preview", "--replace", urn)
    new = workspace.outputs("staging")["url"]
    assert new != old
    execution = connected.pipeline.start_pipeline_execution(
        name=PIPELINE, sourceRevisions=[
            {"actionName": "Source", "revisionType": "COMMIT_ID", "revisionValue": released}
        ]
    )["pipelineExecutionId"]  # fmt: skip
    assert execution != first
    connected.approve(execution)
    assert connected.end(execution) == "Succeeded", connected.told(execution)
    acceptance = connected.actions(execution)["Staging/Acceptance"]
    assert acceptance["output"]["outputVariables"]["URL"] == new
    assert connected.digest(released) == digest
    for stack in ("staging", "prod"):
        assert version(workspace, stack) == {"commit": released, "digest": digest}
    assert running_environment(workspace, "staging")["GREETING"] == "hello"
    assert "GREETING" not in running_environment(workspace, "prod")


def running_environment(workspace: Workspace, stack: str) -> dict[str, str]:
    """Return the variables of the task definition that a stack's service runs."""
    outputs, ecs = workspace.outputs(stack), workspace.client("ecs")
    service = ecs.describe_services(cluster=outputs["cluster"], services=[outputs["services"]["web"]])["services"][0]
    found = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    return {pair["name"]: pair["value"] for pair in found["containerDefinitions"][0]["environment"]}


def test_a_release_can_be_rejected_expire_and_be_put_back_when_only_production_breaks(
    workspace: Workspace, connected: Releases, released: str
) -> None:
    """One commit, three ends: its approval is refused, is forgotten, and is given to a release that fails there."""
    unsafe = a_test('os.environ.get("SAFE_ONLY") != "1"')
    commit = connected.push_with({"app/tests/acceptance/test_broken.py": unsafe}, "Breaks in production only")
    execution = connected.execution_of(commit)
    connected.reach(execution, "Approval/Approve")
    connected.delivery("reject", "--stack", "prod", "--execution", execution, "--reason", "not on a Friday")
    assert connected.end(execution) == "Failed"
    assert "not on a Friday" in connected.told(execution)
    assert version(workspace, "prod")["commit"] == released

    retry = {"pipelineName": PIPELINE, "stageName": "Approval", "retryMode": "FAILED_ACTIONS"}
    connected.pipeline.retry_stage_execution(pipelineExecutionId=execution, **retry)
    connected.reach(execution, "Approval/Approve")
    assert workspace.cloud("clock", str(8 * 24 * 3600)).returncode == 0
    assert connected.end(execution) == "Failed"
    assert "timed out" in connected.told(execution)
    assert version(workspace, "prod")["commit"] == released

    connected.pipeline.retry_stage_execution(pipelineExecutionId=execution, **retry)
    connected.approve(execution)
    assert connected.end(execution) == "Failed"
    ran = connected.actions(execution)
    assert (ran["Production/Deploy"]["status"], ran["Production/Smoke"]["status"]) == ("Succeeded", "Failed")
    assert version(workspace, "prod") == {"commit": released, "digest": connected.digest(released)}
    assert not [tag for tag in connected.tags(connected.digest(commit)) if tag.startswith("released-")]


def test_a_push_during_acceptance_changes_nothing_of_what_is_tested_and_an_older_release_may_be_approved(
    workspace: Workspace, connected: Releases, released: str
) -> None:
    """Each execution deploys its own digest; approving the older one says that staging has moved on."""
    older_commit = connected.push_with({"app/NOTE": lambda _: "older\n"}, "The older one")
    older = connected.execution_of(older_commit)
    connected.reach(older, "Staging/Acceptance")
    newer_commit = connected.push_with({"app/NOTE": lambda _: "newer\n"}, "The newer one")
    newer = connected.execution_of(newer_commit)
    connected.reach(older, "Staging/Acceptance", "Succeeded")
    assert connected.digest(older_commit) in connected.log(connected.actions(older)["Staging/Deploy"])
    connected.reach(older, "Approval/Approve")
    connected.reach(newer, "Staging/Promote", "Succeeded")
    assert connected.status(older) == "InProgress"
    warned = connected.approve(older)
    assert newer_commit[:7] in warned
    assert connected.end(older) == "Succeeded", connected.told(older)
    assert version(workspace, "prod") == {"commit": older_commit, "digest": connected.digest(older_commit)}
    connected.reach(newer, "Approval/Approve")
    connected.delivery("reject", "--stack", "prod", "--execution", newer, "--reason", "tried enough")
    assert connected.end(newer) == "Failed"
    assert version(workspace, "staging")["commit"] == newer_commit
    assert released not in (older_commit, newer_commit)


def test_after_a_rollback_nothing_is_released_until_it_is_resumed_and_a_webhook_needs_no_person(
    workspace: Workspace, connected: Releases, released: str
) -> None:
    """The pipeline now takes commits by webhook and asks nobody; only the rollback holds a release back."""
    bad = version(workspace, "prod")["commit"]
    assert bad != released
    connected.delivery("rollback", "--stack", "prod", "--to", released)
    assert version(workspace, "prod") == {"commit": released, "digest": connected.digest(released)}
    by_webhook(workspace)
    commit = connected.push_with({"app/NOTE": lambda _: "by webhook\n"}, "By webhook")
    execution = connected.execution_of(commit)
    connected.reach(execution, "Staging/Promote", "Succeeded")
    time.sleep(5)
    assert connected.status(execution) == "InProgress"
    assert version(workspace, "prod")["commit"] == released
    told = workspace.delivery("status", "--stack", "prod").stdout
    assert "resume" in told
    connected.delivery("resume", "--stack", "prod")
    assert connected.end(execution) == "Succeeded", connected.told(execution)
    assert "Approval/Approve" not in connected.actions(execution)
    assert version(workspace, "prod") == {"commit": commit, "digest": connected.digest(commit)}
    broken = connected.push_with(FAULTS["a failing unit test"][1], "Automatic, and broken")
    assert connected.end(connected.execution_of(broken)) == "Failed"
    assert version(workspace, "prod")["commit"] == commit


def by_webhook(workspace: Workspace) -> None:
    """Let the pipeline take its commits by webhook, and release without asking."""

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
    """Whatever the pipeline skips, each commit has its status."""
    commits = [connected.push(f"Quick push {number}", branch="feature") for number in range(3)]
    states: dict[str, str] = {}
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and len(states) < len(commits):
        for commit in commits:
            answer = httpx.get(f"{connected.rest}/commits/{commit}/status").json()
            if answer["state"] in ("success", "failure", "error"):
                states[commit] = answer["state"]
        time.sleep(0.5)
    assert states == dict.fromkeys(commits, "success")
    assert workspace.client("codebuild").list_builds_for_project(projectName=f"{PIPELINE}-checks")["ids"]


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_after_all_this_preview_shows_no_change(workspace: Workspace, stack: str) -> None:
    """Releases, rollbacks and failures are not the program's business."""
    done = workspace.pulumi("preview", "-s", stack)
    assert done.returncode == 0, done.stdout
    counted = changes(done.stdout)
    assert counted.pop("unchanged") > 30, done.stdout
    assert counted == {}, done.stdout


@pytest.mark.usefixtures("connected")
def test_what_the_apis_answered_all_along_fits_their_models(workspace: Workspace) -> None:
    """Every answer that these tests got, and all that can be read of pipeline, builds, reports and services now."""
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
