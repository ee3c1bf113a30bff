"""The API operations on stages: pipeline state, transitions, approvals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError, Params
from localcloud.services.codepipeline import conditions
from localcloud.services.codepipeline.state import LIVE, State

if TYPE_CHECKING:
    from localcloud.services.codepipeline.approvals import Approvals
    from localcloud.services.codepipeline.execution_starts import Starter
    from localcloud.state.table import Doc


class Stages:
    """Implements the operations on stages."""

    def __init__(self, state: State, starter: Starter, approvals: Approvals) -> None:
        """Initialize with the service's state, the starter of executions and the approvals."""
        self._state, self._starter, self._approvals = state, starter, approvals

    def get_pipeline_state(self, params: Params) -> Params:
        """Return the state of a pipeline's stages and actions."""
        pipeline = self._state.pipeline(params["name"])
        stages = self._state.declaration(pipeline)["stages"]
        return {
            "pipelineName": pipeline["name"],
            "pipelineVersion": pipeline["version"],
            "stageStates": [self._stage(pipeline, stage, number) for number, stage in enumerate(stages)],
            "created": pipeline["created"],
            "updated": pipeline["updated"],
        }

    def disable_stage_transition(self, params: Params) -> None:
        """Disable the transition into a stage (Inbound) or out of it (Outbound)."""
        self._transition(params, enabled=False)

    def enable_stage_transition(self, params: Params) -> None:
        """Enable a transition; the newest waiting execution continues."""
        self._transition(params, enabled=True)

    def put_approval_result(self, params: Params) -> Params:
        """Approve or reject a manual approval."""
        pipeline = self._state.pipeline(params["pipelineName"])
        stage, name, token = params["stageName"], params["actionName"], params["token"]
        declared = self._state.stage(self._state.declaration(pipeline), stage)
        if name not in [row["name"] for row in declared["actions"]]:
            raise ApiError("ActionNotFoundException", f"The stage {stage} has no action {name}")
        wanted = (pipeline["name"], stage, name, token)
        rows = self._state.actions.values()
        action = next((r for r in rows if (r["pipeline"], r["stage"], r["action"], r.get("token")) == wanted), None)
        if action is None:
            text = f"The approval token is not one of the action {name} in the stage {stage}; get it from the state"
            raise ApiError("InvalidApprovalTokenException", text)
        if action["status"] == "Abandoned":
            raise ApiError("InvalidApprovalTokenException", f"The approval {name} was abandoned")
        if action["status"] != "InProgress":
            text = f"The approval {name} was already completed: it is {action['status']}"
            raise ApiError("ApprovalAlreadyCompletedException", text)
        if self._state.now() >= action["expires"]:
            raise ApiError("InvalidApprovalTokenException", f"The approval {name} has expired")
        execution = self._state.executions.rows[action["execution"]]
        approved = params["result"]["status"] == "Approved"
        with self._state.ctx.store.transaction():
            self._approvals.decide(execution, action, approved=approved, summary=params["result"]["summary"])
        self._starter.wake()
        return {"approvedAt": self._state.now()}

    def _transition(self, params: Params, *, enabled: bool) -> None:
        pipeline = self._state.pipeline(params["pipelineName"])
        names = [stage["name"] for stage in self._state.declaration(pipeline)["stages"]]
        name = self._state.stage(self._state.declaration(pipeline), params["stageName"])["name"]
        number = names.index(name) + (1 if params["transitionType"] == "Outbound" else 0)
        if not 0 < number < len(names):
            text = f"The stage {name} has no {params['transitionType']} transition"
            raise ApiError("ValidationException", text)
        row = {"enabled": enabled, "lastChangedBy": self._state.caller, "lastChangedAt": self._state.now()}
        if not enabled:
            row["disabledReason"] = params["reason"]
        pipeline["transitions"][names[number]] = row
        self._state.pipelines.save(pipeline["name"])
        self._starter.wake()

    def _stage(self, pipeline: Doc, stage: Doc, number: int) -> Doc:
        """Return a stage's state."""
        name = stage["name"]
        shown: Doc = {
            "stageName": name,
            "actionStates": [self._action(pipeline, name, action) for action in stage["actions"]],
        }
        if number:
            shown["inboundTransitionState"] = pipeline["transitions"].get(name, {"enabled": True})
        rows = [row for row in self._state.of_pipeline(pipeline["name"]) if row["status"] in LIVE]
        inbound = [stage_execution(row, "InProgress") for row in rows if row["stage"] == name and not row["inside"]]
        if inbound:
            shown |= {"inboundExecution": inbound[-1], "inboundExecutions": inbound}
        latest = self._state.executions.get(pipeline["latest"].get(name, ""))
        if latest is not None:
            record = latest["stages"][name]
            status = record["status"]
            if status == "InProgress" and latest["status"] == "Stopping":
                status = "Stopping"
            elif status == "InProgress" and self._failing(record):
                status = "Failed"
            shown["latestExecution"] = stage_execution(latest, status)
            if run := conditions.latest(record):
                shown["beforeEntryConditionState"] = conditions.shown(run)
            if record["retries"]:
                retries = {"manualStageRetryAttempt": record["retries"], "latestRetryTrigger": "ManualStageRetry"}
                shown["retryStageMetadata"] = retries
        return shown

    def _failing(self, record: Doc) -> bool:
        """Return whether an action of a stage has failed while others are still running."""
        return any(self._state.actions.rows[key]["status"] == "Failed" for key in record["actions"].values())

    def _action(self, pipeline: Doc, stage: str, declared: Doc) -> Doc:
        """Return an action's state: that of its latest execution, in any pipeline execution."""
        shown: Doc = {"actionName": declared["name"]}
        row = self._state.actions.get(pipeline["latestActions"].get(f"{stage}/{declared['name']}", ""))
        link = self._entity(declared, row)
        if link and "#{" not in link:
            shown["entityUrl"] = link
        if row is None:
            return shown
        latest = {
            "actionExecutionId": row["id"],
            "status": row["status"],
            "summary": (row.get("summary") or "")[:2048] or None,
            "lastStatusChange": row["updated"],
            "token": row.get("token") if row["status"] == "InProgress" else None,
            "lastUpdatedBy": row.get("updatedBy"),
            "externalExecutionId": row.get("externalId"),
            "externalExecutionUrl": row.get("externalUrl"),
            "errorDetails": row.get("error"),
        }
        shown["latestExecution"] = {key: value for key, value in latest.items() if value is not None}
        revision = row.get("revision")
        if revision:
            shown["revisionUrl"] = revision["revisionUrl"]
            shown["currentRevision"] = {
                "revisionId": revision["revisionId"],
                "revisionChangeId": revision["revisionId"],
                "created": row["updated"],
            }
        return shown

    def _entity(self, declared: Doc, row: Doc | None) -> str:
        """Return the link to the resource of an action."""
        configuration = (row or {}).get("resolved") or declared["configuration"]
        provider, region = declared["actionTypeId"]["provider"], self._state.ctx.region
        if provider == "CodeBuild":
            account, project = self._state.ctx.account, configuration["ProjectName"]
            base = f"https://{region}.console.aws.amazon.com/codesuite/codebuild"
            return f"{base}/{account}/projects/{project}/details?region={region}"
        if provider == "GitHub":
            return f"https://github.com/{configuration['Owner']}/{configuration['Repo']}/tree/{configuration['Branch']}"
        if provider == "CodeStarSourceConnection":
            return f"https://github.com/{configuration['FullRepositoryId']}/tree/{configuration['BranchName']}"
        return str(configuration.get("ExternalEntityLink", ""))


def stage_execution(execution: Doc, status: str) -> Doc:
    """Return the execution in a stage or waiting for it, with its status there."""
    return {"pipelineExecutionId": execution["id"], "status": status, "type": execution["type"]}
