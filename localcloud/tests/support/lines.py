"""A pipeline under test: executions, stages and approvals, and waiting for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.waiting import until

if TYPE_CHECKING:
    from support.pipelines import Works

OVER = ("Succeeded", "Failed", "Superseded", "Stopped", "Cancelled")


class Line:
    """A pipeline under test."""

    def __init__(self, works: Works, name: str) -> None:
        """Take the pipeline's name."""
        self.works, self.api, self.name = works, works.pipelines, name

    def executions(self) -> list[dict[str, Any]]:
        """Return the executions, newest first."""
        return list(self.api.list_pipeline_executions(pipelineName=self.name)["pipelineExecutionSummaries"])

    def start(self, **more: object) -> str:
        """Start an execution; returns its id."""
        return str(self.api.start_pipeline_execution(name=self.name, **more)["pipelineExecutionId"])

    def first(self) -> str:
        """Return the first execution's id."""
        return str(self.executions()[-1]["pipelineExecutionId"])

    def status(self, execution: str) -> str:
        """Return an execution's status."""
        found = self.api.get_pipeline_execution(pipelineName=self.name, pipelineExecutionId=execution)
        return str(found["pipelineExecution"]["status"])

    def outcome(self, execution: str | None = None) -> str:
        """Wait for an execution's end (default: the first one's); returns its status."""
        execution = execution or self.first()
        until(lambda: self.status(execution) in OVER)
        for row in self.actions(execution):
            if row["status"] == "Failed":  # pytest shows this if the test fails
                print(self.name, row["actionName"], row["output"]["executionResult"]["errorDetails"])
        return self.status(execution)

    def stage(self, name: str) -> dict[str, Any]:
        """Return a stage's state."""
        states = self.api.get_pipeline_state(name=self.name)["stageStates"]
        return dict(next(row for row in states if row["stageName"] == name))

    def entered(self, stage: str, execution: str) -> dict[str, Any]:
        """Wait until an execution is in a stage; returns the stage's state."""
        return dict(until(lambda: self._in(stage, execution)))

    def _in(self, stage: str, execution: str) -> dict[str, Any] | None:
        state = self.stage(stage)
        return state if state.get("latestExecution", {}).get("pipelineExecutionId") == execution else None

    def waiting(self, stage: str, execution: str) -> dict[str, Any]:
        """Wait until an execution waits to enter a stage; returns the stage's state."""
        return dict(until(lambda: self._before(stage, execution)))

    def _before(self, stage: str, execution: str) -> dict[str, Any] | None:
        state = self.stage(stage)
        return state if state.get("inboundExecution", {}).get("pipelineExecutionId") == execution else None

    def token(self, stage: str, execution: str) -> str:
        """Wait until an execution is at an approval; returns its token."""
        self.entered(stage, execution)
        return str(until(lambda: self.stage(stage)["actionStates"][0].get("latestExecution", {}).get("token")))

    def decide(self, stage: str, token: str, status: str = "Approved", name: str = "Approve") -> None:
        """Approve or reject."""
        result = {"status": status, "summary": "seen"}
        self.api.put_approval_result(
            pipelineName=self.name, stageName=stage, actionName=name, result=result, token=token
        )

    def actions(self, execution: str) -> list[dict[str, Any]]:
        """Return the action executions of an execution, oldest first."""
        wanted = {"pipelineExecutionId": execution}
        rows = self.api.list_action_executions(pipelineName=self.name, filter=wanted)["actionExecutionDetails"]
        return list(reversed(rows))
