"""A fake CodePipeline with one pipeline, the builds of its actions, and their logs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.unit.delivery.aws import FakeError, pages

if TYPE_CHECKING:
    from tests.unit.delivery.aws import Aws

NAME = "slipway"
STAGES = {
    "Source": ["Source"],
    "Test": ["Test"],
    "Build": ["Build"],
    "Staging": ["Deploy", "Acceptance", "Promote"],
    "Approval": ["Approve"],
    "Production": ["Deploy", "Smoke"],
}
REASON = r"[a-zA-Z0-9!@ ().*?\-]{1,300}"  # says the API reference; botocore has the length only


@dataclass(kw_only=True)
class Pipelines:
    """The pipeline: executions (newest first), where each stage stands, and what stands before a closed one."""

    aws: Aws
    executions: list[dict[str, Any]] = field(default_factory=list)
    latest: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By stage, the execution that is or was last in it."""
    closed: dict[str, str] = field(default_factory=dict)
    """By stage, why its way in is closed."""
    inbound: dict[str, list[str]] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    """By execution, the token of its approval that waits."""
    answers: list[dict[str, Any]] = field(default_factory=list)
    hooks: list[dict[str, Any]] = field(default_factory=list)
    connection: str = ""
    stops: bool = True
    """Whether an execution that is asked to stop does."""

    def execution(self, identity: str, status: str = "InProgress", commit: str = "") -> None:
        """Begin an execution."""
        taken = {"sourceRevisions": [{"actionName": "Source", "revisionId": commit}]} if commit else {}
        when = datetime.fromtimestamp(self.aws.time.now, UTC)
        row = {"pipelineExecutionId": identity, "status": status, "startTime": when, **taken}
        self.executions.insert(0, row)

    def run(self, execution: str, stage: str, action: str, status: str, **output: Any) -> None:  # noqa: ANN401 - any of an action's
        """Let an action of an execution run; the stage is that execution's from now on."""
        category = "Approval" if action == "Approve" else "Build"
        when = datetime.fromtimestamp(self.aws.time.now + len(self.runs), UTC)
        self.runs.append(
            {
                "pipelineExecutionId": execution,
                "actionExecutionId": f"run-{len(self.runs)}",
                "stageName": stage,
                "actionName": action,
                "startTime": when,
                "lastUpdateTime": when,
                "status": status,
                "input": {
                    "actionTypeId": {"category": category, "owner": "AWS", "provider": "CodeBuild", "version": "1"}
                },
                "output": output,
            }
        )
        shown = "Stopped" if status == "Abandoned" else status  # a stage has no such status
        self.latest[stage] = {"pipelineExecutionId": execution, "status": shown}

    def _checked(self, name: str) -> None:
        if name != NAME:
            raise FakeError("PipelineNotFoundException")

    def get_pipeline_state(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return where every stage stands."""
        self._checked(params["name"])
        return {"pipelineName": NAME, "stageStates": [self._stage(stage) for stage in STAGES]}

    def _stage(self, stage: str) -> dict[str, Any]:
        actions: list[dict[str, Any]] = [{"actionName": action} for action in STAGES[stage]]
        shown: dict[str, Any] = {"stageName": stage, "actionStates": actions}
        if stage in self.latest:
            shown["latestExecution"] = self.latest[stage]
            token = self.tokens.get(self.latest[stage]["pipelineExecutionId"])
            if stage == "Approval" and token:
                actions[0]["latestExecution"] = {"status": "InProgress", "token": token}
        transition: dict[str, Any] = {"enabled": stage not in self.closed}
        if stage in self.closed:
            transition["disabledReason"] = self.closed[stage]
            rows = [{"pipelineExecutionId": one, "status": "InProgress"} for one in self.inbound.get(stage, [])]
            shown |= {"inboundExecutions": rows, **({"inboundExecution": rows[-1]} if rows else {})}
        return shown | {"inboundTransitionState": transition}

    def list_pipeline_executions(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return summaries, newest first."""
        self._checked(params["pipelineName"])
        if params.get("maxResults"):
            return {"pipelineExecutionSummaries": self.executions[: params["maxResults"]]}
        return pages("pipelineExecutionSummaries", self.executions, params)

    def list_action_executions(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the actions of an execution, or of all, newest first."""
        wanted = params.get("filter", {}).get("pipelineExecutionId")
        rows = [row for row in self.runs[::-1] if wanted in (None, row["pipelineExecutionId"])]
        return pages("actionExecutionDetails", rows, params)

    def get_pipeline(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return what was declared."""
        self._checked(params["name"])
        kind = {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"}
        source = {"Owner": "acme", "Repo": "app", "Branch": "main"}
        if self.connection:
            source = {"ConnectionArn": self.connection, "FullRepositoryId": "acme/app", "BranchName": "main"}
        stages = [
            {
                "name": stage,
                "actions": [
                    {
                        "name": action,
                        "actionTypeId": kind,
                        "configuration": source if stage == "Source" else {"ProjectName": f"{NAME}-{action.lower()}"},
                    }
                    for action in actions
                ],
            }
            for stage, actions in STAGES.items()
        ]
        return {"pipeline": {"name": NAME, "roleArn": "arn:aws:iam::123456789012:role/p", "stages": stages}}

    def list_webhooks(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return webhooks."""
        return pages("webhooks", self.hooks, params)

    def put_approval_result(self, params: dict[str, Any]) -> dict[str, Any]:
        """Answer an approval by its token."""
        waiting = self.tokens.get(self.latest["Approval"]["pipelineExecutionId"])
        if waiting is None:
            raise FakeError("ApprovalAlreadyCompletedException")
        if params["token"] != waiting:
            raise FakeError("InvalidApprovalTokenException")
        self.answers.append(params)
        return {}

    def disable_stage_transition(self, params: dict[str, Any]) -> None:
        """Close a way in."""
        assert params["transitionType"] == "Inbound"
        assert re.fullmatch(REASON, params["reason"]), params["reason"]
        self._checked(params["pipelineName"])
        self.closed[params["stageName"]] = params["reason"]

    def enable_stage_transition(self, params: dict[str, Any]) -> None:
        """Open a way in."""
        assert params["transitionType"] == "Inbound"
        self.closed.pop(params["stageName"])

    def stop_pipeline_execution(self, params: dict[str, Any]) -> dict[str, Any]:
        """Stop an execution; abandoned actions are over at once, their builds go on."""
        assert params["abandon"] is True
        for row in self.executions:
            if row["pipelineExecutionId"] == params["pipelineExecutionId"]:
                row["status"] = "Stopping"
                if self.stops:
                    self.aws.time.at(3, lambda row=row: row.update(status="Stopped"))  # type: ignore[misc] # binds the loop's value
        for run in self.runs:
            if run["pipelineExecutionId"] == params["pipelineExecutionId"] and run["status"] == "InProgress":
                run["status"] = "Abandoned"
        return {}

    def retry_stage_execution(self, params: dict[str, Any]) -> dict[str, Any]:
        """Retry a stage."""
        return {"pipelineExecutionId": params["pipelineExecutionId"]}
