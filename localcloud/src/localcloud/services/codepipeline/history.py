"""The API operations that return executions and action executions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.services.codepipeline import conditions
from localcloud.services.codepipeline.state import State, masked, page

if TYPE_CHECKING:
    from localcloud.gateway.protocol import Params
    from localcloud.state.table import Doc


class History:
    """Implements the operations that read executions."""

    def __init__(self, state: State) -> None:
        """Initialize with the service's state."""
        self._state = state

    def get_pipeline_execution(self, params: Params) -> Params:
        """Return one execution."""
        self._state.pipeline(params["pipelineName"])
        execution = self._state.execution(params["pipelineName"], params["pipelineExecutionId"])
        variables = [{"name": key, "resolvedValue": value} for key, value in execution["variables"].items()]
        return {
            "pipelineExecution": {
                "pipelineName": execution["pipeline"],
                "pipelineVersion": execution["version"],
                "artifactRevisions": self._artifacts(execution),
                "variables": variables,
                **common(execution),
            }
        }

    def list_pipeline_executions(self, params: Params) -> Params:
        """Return a pipeline's executions, newest first."""
        self._state.pipeline(params["pipelineName"])
        rows = self._state.of_pipeline(params["pipelineName"])
        stage = params.get("filter", {}).get("succeededInStage", {}).get("stageName")
        if stage:
            rows = [row for row in rows if row["stages"].get(stage, {}).get("status") == "Succeeded"]
        rows.sort(key=lambda row: int(row["number"]), reverse=True)
        part, more = page(rows, params)
        return {"pipelineExecutionSummaries": [summary(row) for row in part]} | more

    def list_action_executions(self, params: Params) -> Params:
        """Return a pipeline's action executions, newest first."""
        name = params["pipelineName"]
        self._state.pipeline(name)
        wanted = params.get("filter", {})
        latest = wanted.get("latestInPipelineExecution", {})
        execution = wanted.get("pipelineExecutionId") or latest.get("pipelineExecutionId")
        rows = [row for row in self._state.actions.values() if row["pipeline"] == name]
        if execution:
            found = self._state.execution(name, execution)
            rows = [row for row in rows if row["execution"] == execution]
            if latest.get("startTimeRange") == "Latest":
                kept = {key for stage in found["stages"].values() for key in stage["actions"].values()}
                rows = [row for row in rows if row["id"] in kept]
        part, more = page(list(reversed(rows)), params)
        return {"actionExecutionDetails": [self._detail(row) for row in part]} | more

    def list_rule_executions(self, params: Params) -> Params:
        """Return the executions of a pipeline's rules, newest first."""
        name = params["pipelineName"]
        self._state.pipeline(name)
        wanted = params.get("filter", {})
        one = wanted.get("pipelineExecutionId") or wanted.get("latestInPipelineExecution", {}).get(
            "pipelineExecutionId"
        )
        executions = [self._state.execution(name, one)] if one else reversed(self._state.of_pipeline(name))
        rows = [row for execution in executions for row in conditions.details(execution, self._state.ctx.region)]
        part, more = page(rows, params)
        return {"ruleExecutionDetails": part} | more

    def _artifacts(self, execution: Doc) -> list[Doc]:
        """Return the source revisions of an execution by artifact."""
        rows = []
        for action in self._state.structure(execution)["stages"][0]["actions"]:
            revision = execution["revisions"].get(action["name"])
            if revision:
                rows.append({"name": action["outputArtifacts"][0]["name"]} | revision)
        return rows

    def _detail(self, row: Doc) -> Doc:
        """Return an action execution as the API shows it."""
        error = row.get("error")
        result = {
            "externalExecutionId": row.get("externalId"),
            "externalExecutionSummary": row.get("summary"),
            "externalExecutionUrl": row.get("externalUrl"),
            "errorDetails": error,
        }
        return {
            "pipelineExecutionId": row["execution"],
            "actionExecutionId": row["id"],
            "pipelineVersion": row["version"],
            "stageName": row["stage"],
            "actionName": row["action"],
            "startTime": row["started"],
            "lastUpdateTime": row["updated"],
            "updatedBy": row.get("updatedBy"),
            "status": row["status"],
            "input": {
                "actionTypeId": row["type"],
                "configuration": masked(row["declared"]["configuration"]),
                "resolvedConfiguration": masked(row["resolved"]),
                "roleArn": row["declared"].get("roleArn"),
                "region": self._state.ctx.region,
                "inputArtifacts": [located(item) for item in row["inputs"]],
                "namespace": row["declared"].get("namespace"),
            },
            "output": {
                "outputArtifacts": [located(item) for item in row["outputs"]] if row["status"] == "Succeeded" else [],
                "executionResult": {key: value for key, value in result.items() if value},
                "outputVariables": row["variables"],
            },
        }


def located(row: Doc) -> Doc:
    """Return an artifact and its S3 location, as the API shows them."""
    return {"name": row["name"], "s3location": {"bucket": row["bucket"], "key": row["key"]}}


def common(execution: Doc) -> Doc:
    """Return the fields that the detail and the summary of an execution share."""
    rollback = {"rollbackTargetPipelineExecutionId": execution["rollbackOf"]} if "rollbackOf" in execution else None
    return {
        "pipelineExecutionId": execution["id"],
        "status": execution["status"],
        "statusSummary": execution.get("summary") or None,
        "trigger": execution["trigger"],
        "executionMode": execution["mode"],
        "executionType": execution["type"],
        "rollbackMetadata": rollback,
    }


def summary(execution: Doc) -> Doc:
    """Return the summary of an execution."""
    stop = execution.get("stop")
    revisions = [{"actionName": name, **revision} for name, revision in execution["revisions"].items()]
    return {
        "startTime": execution["started"],
        "lastUpdateTime": execution["updated"],
        "sourceRevisions": revisions,
        "stopTrigger": {"reason": stop["reason"]} if stop else None,
        **common(execution),
    }
