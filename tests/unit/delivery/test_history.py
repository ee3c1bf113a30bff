"""What `history` tells of each release: its result in words, its cause, who decided, and what was deployed."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC
from typing import TYPE_CHECKING, Any

import pytest

from delivery import checkout
from delivery.console import as_text
from delivery.deploying import deploy
from delivery.errors import DeliveryError
from delivery.operator import history, releases
from tests.unit.delivery.aws import ACCOUNT
from tests.unit.delivery.pipelines import STAGES
from tests.unit.delivery.scenarios import roll_back
from tests.unit.delivery.world import FIRST, World, digest_of

if TYPE_CHECKING:
    from delivery.operator.release_record import Record

ONE, TWO, THREE = "1" * 40, "2" * 40, "3" * 40
JANE = f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/jane"


def run_of(commit: str) -> str:
    """Return the id of a commit's execution."""
    digit = commit[0]
    return "-".join(digit * length for length in (8, 4, 4, 4, 12))


def released(world: World, commit: str, *, stop_at: str = "", **last: Any) -> str:  # noqa: ANN401 - of an action's output
    """Let an execution run through the pipeline, up to an action whose status and output are `last`.

    Returns:
        The execution's id.
    """
    identity = run_of(commit)
    status = last.pop("status", "Succeeded")
    world.pipeline.execution(identity, last.pop("execution", "Succeeded"), commit)
    for stage, actions in STAGES.items():
        for action in actions:
            if f"{stage}/{action}" == stop_at:
                world.pipeline.run(identity, stage, action, status, **last)
                world.time.sleep(60)
                return identity
            if (stage, action) == (world.stage, "Deploy"):
                deploy.run(world.session, dataclasses.replace(world.release(commit), execution=identity))
                world.passed()
            world.pipeline.run(identity, stage, action, "Succeeded")
            if action == "Approve":
                world.pipeline.runs[-1]["updatedBy"] = JANE
    world.time.sleep(60)
    return identity


def newest(world: World) -> Record:
    """Return the newest release."""
    return releases.of_stack(world.session, 1)[0]


def told(world: World, capsys: pytest.CaptureFixture[str], most: int = 10) -> list[str]:
    """Return the lines of `history` without its head."""
    capsys.readouterr()
    history.run(world.session, most)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100, lines
    return lines[2:]


def test_a_release_is_one_line_with_its_result_and_who_approved_it(
    piped: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """The newest first; what is served is marked; the first image has no commit."""
    released(piped, ONE)
    released(piped, TWO)
    lines = told(piped, capsys)
    assert [line.split()[0] for line in lines] == ["*", *(line[3:13] for line in lines[1:])]
    assert lines[0].split()[3] == TWO[:7]
    assert lines[0].endswith("  22222222   released, approved by jane")
    assert f"  {FIRST}" in lines[2]
    assert lines[2].endswith("  first image")


@pytest.mark.parametrize(
    ("at", "last", "result"),
    [
        (
            "Staging/Acceptance",
            {"status": "Failed", "execution": "Failed", "executionResult": {"externalExecutionId": "project:1"}},
            "failed at Staging/Acceptance: acceptance of web failed (exit code 1); failed: test_page",
        ),
        (
            "Build/Build",
            {"status": "Failed", "execution": "Failed", "executionResult": {"externalExecutionId": "project:2"}},
            "failed at Build/Build: building failed",
        ),
        (
            "Production/Deploy",
            {
                "status": "Failed",
                "execution": "Failed",
                "executionResult": {"errorDetails": {"message": "Build terminated"}},
            },
            "failed at Production/Deploy: Build terminated",
        ),
        (
            "Approval/Approve",
            {
                "status": "Failed",
                "execution": "Failed",
                "executionResult": {
                    "errorDetails": {"message": f"Rejected by {JANE}: too late"},
                    "externalExecutionSummary": "too late",
                },
            },
            "rejected by jane: too late",
        ),
        (
            "Approval/Approve",
            {
                "status": "Failed",
                "execution": "Failed",
                "executionResult": {"errorDetails": {"message": "Approval timed out"}},
            },
            "failed at Approval/Approve: Approval timed out",
        ),
        ("Approval/Approve", {"status": "InProgress", "execution": "InProgress"}, "waits for approval"),
        ("Build/Build", {"status": "InProgress", "execution": "InProgress"}, "in progress at Build/Build"),
        ("Staging/Promote", {"execution": "InProgress"}, "in progress at the end of Staging"),
    ],
    ids=["acceptance", "log", "aws", "rejected", "expired", "waits", "runs", "between stages"],
)
def test_each_result_is_told_in_words(
    piped: World, capsys: pytest.CaptureFixture[str], at: str, last: dict[str, Any], result: str
) -> None:
    """The cause is what the step exported, else its log's last word, else what CodePipeline says."""
    piped.builds.status |= {"project:1": "FAILED", "project:2": "FAILED"}
    piped.builds.causes["project:1"] = "acceptance: acceptance of web failed (exit code 1); failed: test_page"
    piped.builds.logs["project:2"] = {"groupName": "g", "streamName": "s"}
    piped.logs.write("g", "s", 1, "delivery build: building failed\n", "[Container] Phase complete\n")
    released(piped, ONE, stop_at=at, **last)
    record = newest(piped)
    assert str(record.outcome) == result
    assert (record.released, record.served) == (None, False)
    assert (record.ended is None) is (piped.pipeline.executions[0]["status"] == "InProgress")
    line = told(piped, capsys)[0]
    assert line.endswith(result) or (len(line) == 100 and line[-2] in result)


def test_a_release_that_a_newer_one_overtook_names_it(piped: World) -> None:
    """The one that passed the stage which it had come to, not one that failed before."""
    released(piped, ONE, stop_at="Staging/Promote", execution="Superseded")
    released(piped, TWO, stop_at="Build/Build", status="Failed", execution="Failed")
    released(piped, THREE)
    assert str(releases.of_stack(piped.session, 3)[2].outcome) == f"superseded by {THREE[:7]}"


@pytest.mark.parametrize(
    ("reason", "result"),
    [("delivery rollback by jane", "stopped by jane"), ("wrong commit", "stopped: wrong commit"), ("", "stopped")],
)
def test_a_release_that_was_stopped_names_who_did_where_that_is_known(piped: World, reason: str, result: str) -> None:
    """CodePipeline itself keeps the reason only."""
    released(piped, ONE, stop_at="Staging/Deploy", status="Abandoned", execution="Stopped")
    piped.pipeline.executions[0]["stopTrigger"] = {"reason": reason}
    assert str(newest(piped).outcome) == result


def test_a_rollback_is_told_with_who_did_it_and_what_serves_since(
    piped: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the tags of the revision that was left."""
    released(piped, ONE)
    released(piped, TWO)
    roll_back(piped)
    lines = told(piped, capsys)
    assert f"rolled back by me (to {ONE[:7]})" in lines[0]
    assert lines[1].startswith("*")
    record = newest(piped)
    assert record.gone_back is not None
    assert record.released is not None
    assert piped.tags("staging-web:3")["slipway:rolled-back-by"] == f"arn:aws:iam::{ACCOUNT}:user/me"
    assert "slipway:rolled-back-by" not in piped.tags("staging-web:2")


def test_who_rolls_back_without_a_right_to_ask_who_they_are_is_the_machines_user(
    piped: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No rollback fails for that; what a tag cannot hold is replaced."""
    monkeypatch.setattr("getpass.getuser", lambda: "jane,doe")
    released(piped, ONE)
    released(piped, TWO)
    piped.aws.fail("GetCallerIdentity", "AccessDeniedException")
    roll_back(piped)
    assert str(newest(piped).outcome) == f"rolled back by jane-doe (to {ONE[:7]})"


def test_a_stack_before_production_has_released_what_passed_its_own_stage(world: World) -> None:
    """Whatever production does with it."""
    staging = World(stage="Staging")
    released(staging, ONE, stop_at="Approval/Approve", status="InProgress", execution="InProgress")
    assert str(newest(staging).outcome) == "released"
    assert world.stage == ""


def test_what_was_deployed_by_hand_is_a_release_too(two: World, capsys: pytest.CaptureFixture[str]) -> None:
    """One line for all services; an image may be gone."""
    deploy.run(two.session, dataclasses.replace(two.release(ONE), execution="by-hand"))
    for name in two.names:
        two.passed(name)
    deploy.run(two.session, dataclasses.replace(two.release(TWO), execution="by-hand"))
    two.registry.images["slipway/web"].pop(digest_of(TWO))
    with pytest.raises(DeliveryError):
        deploy.run(two.session, dataclasses.replace(two.release(THREE, web="crash"), execution="by-hand"))
    lines = told(two, capsys)
    assert [line.rpartition("by-hand")[2].strip() for line in lines[:3]] == [
        "failed: put back", "deployed, not tested, image gone", "released",
    ]  # fmt: skip
    assert len(lines) == 4


def test_all_that_is_known_of_a_release_is_shown_by_its_commit(
    piped: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its steps with their causes, its approval, its images; a commit that was never released is named."""
    released(piped, ONE)
    piped.pipeline.executions[0]["sourceRevisions"][0]["revisionSummary"] = '{"CommitMessage": "Fix it\\n\\nMore"}'
    history.run(piped.session, 10, ONE[:5])
    shown = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert lines[0] == f"commit {ONE} in staging"
    for part in (
        "result released",
        "message Fix it",
        f"execution {run_of(ONE)}",
        "service web: staging-web:2, is served",
    ):
        assert part in lines
    assert [line.split()[2] for line in lines if line.startswith("step ")] == [
        f"{stage}/{action}" for stage, actions in STAGES.items() for action in actions
    ]
    assert any(line.startswith("approved by jane 2027-") for line in lines)
    assert digest_of(ONE) in shown
    assert max(map(len, shown.splitlines())) <= 100
    with pytest.raises(DeliveryError, match=r"stack staging has no release of commit 9999999 among the last 100"):
        history.run(piped.session, 10, "9999999")


def test_json_has_every_fact_under_the_documented_keys(piped: World) -> None:
    """Programs rely on them: docs/releases.md has each of them."""
    released(piped, ONE)
    record = json.loads(as_text(newest(piped).as_json()))
    keys = (
        "approval at began by cause commit committed ended execution gone_back message released result seconds served"
    )
    assert set(record) == {*keys.split(), "services", "stack", "state", "steps", "to"}
    table = (checkout.ROOT / "docs" / "releases.md").read_text("utf-8")
    assert [key for key in record if f"`{key}`" not in table] == []
    assert (record["state"], record["result"], record["approval"]["by"]) == ("released", "released", "jane")


def test_the_commits_own_time_is_that_which_the_source_exports(piped: World) -> None:
    """A committer's before an author's; a text that is no time is none."""
    released(piped, ONE)
    for variables, found in (
        ({"AuthorDate": "2027-01-01T10:00:00Z"}, 10), ({"AuthorDate": "2027-01-01T10:00:00Z",
          "CommitterDate": "2027-01-01T11:00:00Z"}, 11), ({"AuthorDate": "yesterday"}, None), ({}, None),
    ):  # fmt: skip
        piped.pipeline.runs[0]["output"] = {"outputVariables": variables}
        committed = newest(piped).committed
        assert (committed and committed.astimezone(UTC).hour) == found


def test_many_releases_cost_few_requests(piped: World) -> None:
    """Actions of all executions are listed at once; pages end where what is asked for ends."""
    for number in range(6):
        released(piped, str(number) * 40)
    piped.aws.calls.clear()
    assert len(releases.of_stack(piped.session, 2)) == 2
    assert len(piped.aws.asked("ListPipelineExecutions")) == 1
    assert all("filter" not in asked for asked in piped.aws.asked("ListActionExecutions"))
    assert len(piped.aws.asked("ListActionExecutions")) <= 10
