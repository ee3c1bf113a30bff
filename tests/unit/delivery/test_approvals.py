"""Approving and rejecting: what is asked, what is warned of, and what comes too late."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from delivery import __main__ as program
from delivery.deploying import deploy
from tests.unit.delivery.world import digest_of, pipeline_facts

if TYPE_CHECKING:
    from tests.unit.delivery.commands import Commands

GOOD, NEXT = "a" * 40, "b" * 40
RUN = "11111111-2222-3333-4444-555555555555"
BUILDSPECS = sorted((Path(program.__file__).parent / "buildspecs").glob("*.yml"))


def waiting(served: Commands) -> None:
    """Let a release of GOOD wait for approval."""
    served.world.pipeline.execution(RUN, commit=GOOD)
    served.world.pipeline.run(RUN, "Build", "Build", "Succeeded", outputVariables={"RELEASE": f"web@{digest_of(GOOD)}"})
    served.world.pipeline.run(RUN, "Approval", "Approve", "InProgress")
    served.world.pipeline.tokens[RUN] = "token"
    held = served.world.parameters.values
    held["/slipway/staging/pipeline"] = pipeline_facts("Staging")


@pytest.mark.parametrize(("command", "status"), [("approve", "Approved"), ("reject", "Rejected")])
def test_a_person_answers_what_waits(served: Commands, command: str, status: str) -> None:
    """With a reason, or with who it was."""
    waiting(served)
    code, told = served(command, "--reason", "because")
    assert code == 0, told
    assert f"{status.lower()}: execution {RUN} (because)" in told
    assert f"staging    serves {GOOD}" in told
    served(command)
    one, two = served.world.pipeline.answers
    assert one["result"] == {"status": status, "summary": "because"}
    assert two["result"]["summary"].startswith(f"{status} by ")
    assert (one["stageName"], one["actionName"], one["token"]) == ("Approval", "Approve", "token")


def test_an_approval_while_staging_serves_something_else_needs_a_word(served: Commands) -> None:
    """A rejection does not."""
    waiting(served)
    deploy.run(served.world.session, served.world.release(NEXT))
    code, told = served("approve")
    assert (code, "give --yes if this execution is to be released all the same" in told) == (1, True)
    assert f"WARNING: staging serves {NEXT}" in told
    assert f"approving releases {GOOD}, which passed there before" in told
    assert not served.world.pipeline.answers
    assert served("approve", "--yes")[0] == 0
    assert served("reject")[0] == 0


def test_another_image_of_the_same_commit_is_something_else(served: Commands) -> None:
    """By its digest; a service whose digest had no room in the variable is compared by its commit."""
    waiting(served)
    for run in served.world.pipeline.runs:
        run["output"] = {"outputVariables": {"RELEASE": "web@sha256:other"}} if run["actionName"] == "Build" else {}
    assert "WARNING: staging serves" in served("reject")[1]
    for run in served.world.pipeline.runs:
        run["output"] = {}
    assert "WARNING" not in served("reject")[1]


def test_what_staging_serves_may_be_unknown(served: Commands) -> None:
    """That is a warning, too."""
    waiting(served)
    served.world.balancer.lies[digest_of(GOOD)] = 500
    code, told = served("approve")
    assert (code, "WARNING: what staging serves now is not known" in told) == (1, True)


@pytest.mark.parametrize("code", ["InvalidApprovalTokenException", "ApprovalAlreadyCompletedException"])
def test_an_answer_that_comes_too_late_is_told_so(served: Commands, code: str) -> None:
    """Someone else answered, or it expired."""
    waiting(served)
    served.world.aws.fail("PutApprovalResult", code)
    assert "the approval was answered, or expired, meanwhile" in served("reject")[1]
    served.world.aws.fail("PutApprovalResult", "ThrottlingException")
    ended, told = served("reject")
    assert (ended, "expired" in told) == (1, False)


def test_one_of_several_approvals_has_to_be_named(served: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are shown."""
    waiting(served)
    monkeypatch.setattr("tests.unit.delivery.pipelines.STAGES", {"Approval": ["Approve"], "Second": ["Approve"]})
    stage = served.world.pipeline._stage

    def both(name: str) -> dict[str, Any]:
        return {**stage("Approval"), "stageName": name}

    monkeypatch.setattr(served.world.pipeline, "_stage", both)
    code, told = served("approve")
    assert code == 1
    assert f"several approvals wait, name one with --execution: {RUN} (stage Approval); {RUN} (stage Second)" in told


def test_nothing_is_approved_on_the_word_of_nobody(served: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal it is asked; only yes is yes."""
    waiting(served)
    deploy.run(served.world.session, served.world.release(NEXT))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    for answer, code in (("n", 1), ("", 1), ("maybe", 1), ("Y ", 0), ("yes", 0)):
        monkeypatch.setattr("builtins.input", lambda _, answer=answer: answer)
        assert served("approve")[0] == code


def test_an_execution_that_does_not_wait_is_not_approved(served: Commands) -> None:
    """Those that do are named; a part of the id is enough for one that does."""
    assert "no approval waits in pipeline slipway; see: delivery status" in served("approve")[1]
    waiting(served)
    code, told = served("approve", "--execution", "9999")
    assert (code, f"those that wait: {RUN} (stage Approval)" in told) == (1, True)
    assert served("approve", "--execution", RUN[:4])[0] == 0
