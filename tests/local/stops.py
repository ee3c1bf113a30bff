"""The test of a broken commit: it is pushed, and stopped by the expected action and no other."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from tests.local.broken import COMMITS, QUICK
from tests.local.mailbox import Mailbox
from tests.local.releases import BESIDE, ORDER, PIPELINE, Releases, summary, version

if TYPE_CHECKING:
    from tests.local.fault_table import Faults


def stop(connected: Releases, faults: Faults, kind: str) -> None:
    """Push a broken commit under load: the expected action stops it, and both environments keep their release.

    Args:
        connected: the repository and its pipeline.
        faults: the table that gets a row.
        kind: the commit's name in COMMITS.
    """
    workspace, broken = connected.workspace, COMMITS[kind]
    before = {stack: version(workspace, stack) for stack in ("staging", "prod")}
    mailbox = Mailbox.of(workspace)
    with closing(mailbox), faults.row(kind) as row:
        commit = connected.push_with(QUICK | broken.changes, kind)
        row.begins()
        execution = connected.execution_of(commit)
        status, ran = connected.stopped(execution), connected.actions(execution)
        if status == "InProgress":  # it waits for approval, and would block later executions
            connected.pipeline.stop_pipeline_execution(
                pipelineName=PIPELINE, pipelineExecutionId=execution, abandon=True, reason="a gate let it through"
            )
        assert status == "Failed", f"{kind} came as far as {list(ran)[-1]}"
        row.stopped(broken.place)
        beside = BESIDE.get(broken.place, broken.place)
        assert list(ran) == ORDER[: ORDER.index(beside) + 1]
        assert {name for name, action in ran.items() if action["status"] != "Succeeded"} == {broken.place, beside}
        assert connected.is_pushed(commit) is broken.place.startswith("Staging/")
        gate = f"-m delivery {broken.place.partition('/')[2].lower()}"
        assert gate in summary(ran[broken.place]), f"{broken.place} was stopped by: {summary(ran[broken.place])}"
        assert broken.word in connected.log(ran[broken.place])
        told = workspace.delivery("status", "--stack", "prod", "--execution", execution)
        assert summary(ran[broken.place])[:40] in " ".join(told.stdout.split()), told.stdout
        message = mailbox.find(f"{commit[:7]}: {broken.place} failed")
        (happened,) = [line for line in message.splitlines() if line.startswith("What happened: ")]
        cause, log = happened.removeprefix("What happened: "), " ".join(connected.log(ran[broken.place]).split())
        assert [part for part in cause.rstrip("…").split("; ") if part not in log] == []
        history = workspace.delivery("history", "--stack", "prod", commit).stdout
        for place in (history, workspace.page()):
            assert cause[:150] in " ".join(place.split()), place
        page = f"docs/runbook/{broken.place.partition('/')[2].lower()}-failed.md"
        for part in (execution, commit, f"--build {broken.place}", page):
            assert part in message, message
        reason = told.stdout.partition(f"the log of {broken.place} ends with:")[2]
        assert reason.strip(), told.stdout
        if kind == "a failing unit test":
            assert "  the step that failed: " in reason, told.stdout
            assert broken.word in reason, told.stdout
        assert {stack: version(workspace, stack) for stack in ("staging", "prod")} == before
