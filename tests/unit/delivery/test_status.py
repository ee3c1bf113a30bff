"""What `status` and `logs` show, and the exit codes of following an execution."""

from __future__ import annotations

import json
import re

import pytest

from delivery.aws import pipeline
from delivery.errors import DeliveryError
from delivery.operator.status import Status
from tests.unit.delivery.pipelines import NAME
from tests.unit.delivery.world import FIRST, World, digest_of

GOOD, NEXT = "a" * 40, "b" * 40
RUN, OLD = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"


def running(piped: World, status: str = "InProgress") -> None:
    """Let an execution run, beside an older one."""
    piped.pipeline.execution(OLD, "Succeeded", GOOD)
    piped.pipeline.execution(RUN, status, NEXT)


def follow(piped: World, execution: str = "") -> int:
    """Follow an execution; returns the exit code."""
    return Status(session=piped.session, execution=execution).follow()


@pytest.mark.parametrize(
    ("status", "code"), [("Succeeded", 0), ("Failed", 1), ("Stopped", 1), ("Cancelled", 1), ("Superseded", 1)]
)
def test_the_exit_code_of_following_tells_how_an_execution_ended(piped: World, status: str, code: int) -> None:
    """It is waited for."""
    running(piped)
    piped.time.at(60, lambda: piped.pipeline.executions[0].update(status=status))
    slept = piped.time.slept
    assert follow(piped) == code
    assert 60 <= piped.time.slept - slept <= 64


def test_following_ends_with_3_where_a_person_has_to_approve(piped: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The command to type is shown, as a line once."""
    running(piped)

    def wait() -> None:
        piped.pipeline.run(RUN, "Approval", "Approve", "InProgress")
        piped.pipeline.tokens[RUN] = "token"

    piped.time.at(10, wait)
    assert follow(piped) == 3
    told = capsys.readouterr().out
    assert told.count("delivery approve --stack staging (or reject)") == 1
    assert told.count("pipeline slipway, execution") == 1
    assert "Approval/Approve: InProgress, waits for approval at " in told
    assert f"execution {RUN[:8]} waits for approval: " in told


def test_following_ends_with_3_before_a_stage_that_is_closed(piped: World) -> None:
    """Nothing goes on without a person there either."""
    running(piped)
    piped.pipeline.closed["Production"] = "rolled back"
    piped.time.at(10, lambda: piped.pipeline.inbound.update(Production=[OLD]))
    piped.time.at(20, lambda: piped.pipeline.inbound.update(Production=[OLD, RUN]))
    slept = piped.time.slept
    assert follow(piped) == 3
    assert 20 <= piped.time.slept - slept <= 24


def test_another_execution_that_waits_does_not_end_following(piped: World) -> None:
    """Its own end does."""
    running(piped)
    piped.pipeline.run(OLD, "Approval", "Approve", "InProgress")
    piped.pipeline.tokens[OLD] = "token"
    piped.time.at(30, lambda: piped.pipeline.executions[0].update(status="Succeeded"))
    assert follow(piped, RUN[:8]) == 0


def test_an_execution_is_named_by_the_beginning_of_its_id(piped: World, capsys: pytest.CaptureFixture[str]) -> None:
    """On any page; the newest one without."""
    running(piped)
    for number in range(3):
        piped.pipeline.execution(f"run-{number}", "Superseded")
    assert Status(session=piped.session, execution=OLD[:8]).show() == 0
    assert f"execution {OLD[:8]}: Succeeded" in capsys.readouterr().out
    assert Status(session=piped.session, execution="").show() == 0
    assert "execution run-2: Superseded" in capsys.readouterr().out
    with pytest.raises(DeliveryError, match=r"'slipway' has no execution 5; see: delivery status"):
        Status(session=piped.session, execution="5").show()


def test_a_pipeline_that_never_ran_is_told_what_starts_it(piped: World) -> None:
    """A push."""
    with pytest.raises(DeliveryError, match=r"pipeline 'slipway' has never run; push a commit"):
        Status(session=piped.session, execution="").show()


def test_status_shows_what_each_stage_did_and_what_serves(piped: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Links to what is under way only when asked once; what is served is asked every ten seconds."""
    running(piped)
    ran = {"executionResult": {"externalExecutionId": "project:1", "externalExecutionUrl": "https://console"}}
    piped.pipeline.run(
        RUN,
        "Source",
        "Source",
        "Succeeded",
        executionResult={"externalExecutionSummary": '{"CommitMessage": "Fix\\nit"}'},
    )
    piped.pipeline.run(RUN, "Build", "Build", "InProgress", **ran)
    assert Status(session=piped.session, execution="").show() == 0
    told = capsys.readouterr().out
    lines = told.splitlines()
    assert lines[1].startswith(f"commit {NEXT[:7]}, begun ")
    assert lines[1].endswith(" ago: Fix it")
    assert lines[2] == "✓ Source  · Test  ▶ Build  · Staging  · Approval  · Production"
    assert lines[3].startswith("  Build/Build: InProgress ")
    assert f"log of Build/Build: delivery logs --stack staging --build Build/Build --execution {RUN[:8]}" in told
    assert f"staging serves {FIRST}, released 59 min ago (proof: digest, health, version)\n  http://127.0.0.1" in told
    assert max(map(len, lines)) <= 100
    piped.time.at(30, lambda: piped.pipeline.executions[0].update(status="Failed"))
    asked = len(piped.aws.asked("GetParametersByPath"))
    assert follow(piped) == 1
    assert "log of Build/Build" not in capsys.readouterr().out
    assert len(piped.aws.asked("GetParametersByPath")) - asked < 60


def test_a_stage_that_an_execution_ended_in_half_way_is_not_in_progress(
    piped: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """As when the pipeline was updated: the next action never began."""
    running(piped, "Failed")
    piped.pipeline.run(RUN, "Production", "Deploy", "Succeeded")
    assert Status(session=piped.session, execution="").show() == 0
    assert "✗ Production" in capsys.readouterr().out


def test_status_tells_who_approved_and_the_result_in_words(piped: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Once it is approved; the result is that of `history`."""
    running(piped)
    piped.pipeline.run(
        RUN, "Approval", "Approve", "Succeeded", executionResult={"externalExecutionSummary": "seen with Kim"}
    )
    piped.pipeline.runs[-1]["updatedBy"] = "arn:aws:iam::123456789012:user/jane"
    piped.pipeline.run(RUN, "Production", "Deploy", "InProgress")
    shown = Status(session=piped.session, execution="")
    assert shown.show() == 0
    assert re.search(r"\n  approved by jane \d+ s ago: seen with Kim\n", capsys.readouterr().out)
    assert shown.show(as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["result"], found["approval"]["by"]) == ("in progress at Production/Deploy", "jane")


def test_what_does_not_answer_is_not_known(piped: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Status shows the rest."""
    running(piped)
    piped.balancer.lies[digest_of(FIRST)] = 503
    assert Status(session=piped.session, execution="").show() == 0
    assert "staging: what it serves is not known: http://127.0.0.1" in capsys.readouterr().out


def test_the_execution_of_a_commit_is_waited_for(piped: World) -> None:
    """A push takes a moment to start one; the newest of the commit counts."""
    piped.pipeline.execution("of-another", commit=NEXT)
    piped.time.at(30, lambda: piped.pipeline.execution("its-own", commit=GOOD))
    found = pipeline.of_commit(piped.aws("codepipeline"), NAME, GOOD[:7], piped.time.clock())
    assert found == "its-own"


def test_a_commit_that_the_pipeline_never_takes_is_named(piped: World) -> None:
    """With what to look at."""
    with pytest.raises(DeliveryError, match=r"has not taken commit c0ffee1 within 120 s; .*delivery doctor"):
        pipeline.of_commit(piped.aws("codepipeline"), NAME, "c0ffee1", piped.time.clock())
