"""What `status` shows of an execution that failed: the action, its reason, the end of its log, where to read on."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from delivery.console import typed
from delivery.deploying import deploy
from delivery.errors import DeliveryError
from delivery.operator import logs
from delivery.operator.status import Status
from tests.unit.delivery.world import FIRST

if TYPE_CHECKING:
    from tests.unit.delivery.world import World

RUN, OTHER = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"
LOG = """earlier
the step that failed: [dev 3/4] RUN pip
  ERROR: no nope
staging is put back
delivery build: web: building failed (exit code 1) in [dev 3/4] RUN pip: ERROR: no nope
[Container] 2026/11/21 15:00:00 Phase complete: BUILD State: FAILED
"""
"""How the log of a build that failed ends on CodeBuild."""


def failed(piped: World) -> None:
    """Let an execution fail in its build; the way into Production is closed, and another execution waits there."""
    piped.pipeline.execution(RUN, "Failed", "a" * 40)
    result = {"externalExecutionId": "project:1", "errorDetails": {"message": "Build  terminated"}}
    piped.pipeline.run(RUN, "Build", "Build", "Failed", executionResult=result)
    piped.pipeline.closed["Production"] = "rolled back"
    piped.pipeline.inbound["Production"] = [OTHER]
    piped.builds.status["project:1"] = "FAILED"
    piped.builds.logs["project:1"] = {"groupName": "g", "streamName": "s"}
    piped.logs.write("g", "s", 1, *[f"{line}\n" for line in LOG.splitlines()])


@pytest.mark.parametrize(("way", "code"), [("show", 0), ("follow", 1)])
def test_status_names_the_failed_action_its_reason_and_where_to_read_on(
    piped: World, capsys: pytest.CaptureFixture[str], way: str, code: int
) -> None:
    """The end of its log comes last, from the failing step on."""
    failed(piped)
    assert getattr(Status(session=piped.session, execution=RUN), way)() == code
    told = capsys.readouterr().out
    assert f"execution {RUN[:8]}: Failed" in told
    reason = "delivery build: web: building failed (exit code 1) in [dev 3/4] RUN pip: ERROR: no nope; Build terminated"
    assert reason in " ".join(told.split())
    ending = ["the log of Build/Build ends with:", *(f"  {line}" for line in LOG.splitlines()[1:5])]
    assert told.splitlines()[-len(ending) :] == ending
    assert f"delivery logs --stack staging --build Build/Build --execution {RUN[:8]}" in told
    assert f"staging serves {FIRST}, released " in told
    assert f"before it waits {OTHER[:8]}; open it: delivery resume --stack staging" in told


@pytest.mark.parametrize(
    ("change", "told"),
    [("denied", "(its log cannot be read: AccessDeniedException)"), ("gone", ""), ("none", "")],
)
def test_a_log_that_cannot_be_read_is_no_failure_of_status(
    piped: World, capsys: pytest.CaptureFixture[str], change: str, told: str
) -> None:
    """Only a missing permission is worth a word."""
    failed(piped)
    if change == "denied":
        piped.aws.fail("BatchGetBuilds", "AccessDeniedException")
    elif change == "gone":
        piped.logs.groups.clear()
    else:
        piped.builds.logs.clear()
    assert Status(session=piped.session, execution=RUN).show() == 0
    shown = capsys.readouterr().out
    assert "Build terminated" in shown
    assert told in shown
    assert ("ends with" in shown) is bool(told)


def test_commands_are_shown_as_this_user_types_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what a build ran is shown as it was run."""
    monkeypatch.setenv("DELIVERY_COMMAND", "bin/delivery-local")
    told = "see: delivery logs --stack s; python -m delivery build --stack s; delivery deploy: failed"
    wanted = "see: bin/delivery-local logs --stack s; python -m delivery build --stack s; delivery deploy: failed"
    assert typed(told) == wanted


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ([f"line {number}" for number in range(90)], [f"line {number}" for number in range(65, 90)]),
        ([*(f"line {number}" for number in range(90)), "delivery test: no", "x"], ["line 66", "delivery test: no"]),
        ([], []),
    ],
    ids=["before delivery began", "tests", "no line"],
)
def test_of_a_failed_build_without_a_failing_step_the_last_lines_are_shown(lines: list[str], shown: list[str]) -> None:
    """Those before the line in which delivery says why; what CodeBuild adds tells nothing."""
    end = logs.end_of(lines)
    assert (end[:1], end[-1:], len(end) <= logs.SHOWN_LINES) == (shown[:1], shown[-1:], True)
    assert logs.reason(end) == ("delivery test: no" if "delivery test: no" in lines else "")


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400)])
def test_times_are_given_as_people_write_them(text: str, seconds: int) -> None:
    """Anything else is refused."""
    assert logs.seconds(text) == seconds
    with pytest.raises(ValueError, match="ten"):
        logs.seconds("ten")


def test_status_ends_with_why_the_tasks_of_a_deploy_that_failed_do_not_come_up(
    piped: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Read with the rights of who asks: the build that deployed may read no logs of services."""
    commit = "c" * 40
    release = piped.release(commit, web="crash")
    with pytest.raises(DeliveryError):
        deploy.run(piped.session, dataclasses.replace(release, execution=RUN))
    stage = piped.stage
    piped.pipeline.execution(RUN, "Failed", commit)
    piped.pipeline.run(RUN, stage, "Deploy", "Failed")
    capsys.readouterr()
    Status(session=piped.session, execution=RUN).show()
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("web: task ")
    assert "the container ended with exit code 3" in last
