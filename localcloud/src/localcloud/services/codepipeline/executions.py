"""The API operations that start, stop, retry and roll back executions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError, Params
from localcloud.services.codepipeline import conditions
from localcloud.services.codepipeline.state import LIVE, State

if TYPE_CHECKING:
    from localcloud.services.codepipeline.events import Events
    from localcloud.services.codepipeline.execution_starts import Starter
    from localcloud.state.table import Doc

RETRYABLE = ("Failed", "Stopped")


class Executions:
    """Implements the operations that change executions."""

    def __init__(self, state: State, starter: Starter, events: Events) -> None:
        """Initialize with the service's state, the starter of executions and the event emitter."""
        self._state, self._starter, self._events = state, starter, events

    def start_pipeline_execution(self, params: Params) -> Params:
        """Start an execution; repeating a client request token returns the same one."""
        pipeline = self._state.pipeline(params["name"])
        token = params.get("clientRequestToken")
        if token in pipeline["tokens"]:
            return {"pipelineExecutionId": pipeline["tokens"][token]}
        variables = {row["name"]: row["value"] for row in params.get("variables", [])}
        revisions = self._revisions(pipeline, params.get("sourceRevisions", []))
        with self._state.ctx.store.transaction():
            identifier = self._starter.start(
                pipeline, "StartPipelineExecution", self._state.caller, variables=variables, revisions=revisions
            )
            if token:
                pipeline["tokens"][token] = identifier
                self._state.pipelines.save(pipeline["name"])
        return {"pipelineExecutionId": identifier}

    def stop_pipeline_execution(self, params: Params) -> Params:
        """Stop an execution, after the actions in progress or abandoning them."""
        name = params["pipelineName"]
        self._state.pipeline(name)
        execution = self._state.executions.get(params["pipelineExecutionId"])
        if execution is None or execution["pipeline"] != name:
            text = f"Pipeline {name} has no execution {params['pipelineExecutionId']}"
            raise ApiError("PipelineExecutionNotStoppableException", text)
        abandon = params.get("abandon", False)
        if execution["status"] == "Stopping" and not (abandon and not execution["stop"]["abandon"]):
            raise ApiError("DuplicatedStopRequestException", f"The execution {execution['id']} is being stopped")
        if execution["status"] not in LIVE:
            text = f"The execution {execution['id']} is {execution['status']}"
            raise ApiError("PipelineExecutionNotStoppableException", text)
        execution["status"] = "Stopping"
        execution["stop"] = {"abandon": abandon, "reason": params.get("reason", "")}
        self._state.save(execution)
        self._events.pipeline(execution, "STOPPING")
        self._starter.wake()
        return {"pipelineExecutionId": execution["id"]}

    def retry_stage_execution(self, params: Params) -> Params:
        """Retry a failed or stopped stage: its failed actions, or all of them."""
        pipeline = self._state.pipeline(params["pipelineName"])
        name, identifier = params["stageName"], params["pipelineExecutionId"]
        self._state.stage(self._state.declaration(pipeline), name)
        if pipeline["latest"].get(name) != identifier:
            text = f"The stage {name} was last entered by {pipeline['latest'].get(name)}, not by {identifier}"
            raise ApiError("NotLatestPipelineExecutionException", text)
        execution = self._state.executions.rows[identifier]
        record = execution["stages"][name]
        reason = self._not_retryable(pipeline, execution, name)
        if reason:
            text = f"Unable to retry the stage {name} of {identifier}: {reason}"
            raise ApiError("StageNotRetryableException", text)
        rows = {key: self._state.actions.rows[action] for key, action in record["actions"].items()}
        every = params["retryMode"] == "ALL_ACTIONS"
        record["actions"] = {key: row["id"] for key, row in rows.items() if row["status"] == "Succeeded" and not every}
        record["status"], record["retries"] = "InProgress", record["retries"] + 1
        execution |= {"status": "InProgress", "inside": True, "stage": name, "summary": ""}
        execution.pop("stop", None)
        self._state.save(execution)
        self._events.pipeline(execution, "RESUMED")
        self._events.stage(execution, name, "RESUMED")
        self._starter.wake()
        return {"pipelineExecutionId": identifier}

    def override_stage_condition(self, params: Params) -> None:
        """Let an execution into a stage whose condition on entry is being waited for."""
        pipeline = self._state.pipeline(params["pipelineName"])
        name, identifier = params["stageName"], params["pipelineExecutionId"]
        self._state.stage(self._state.declaration(pipeline), name)
        execution = self._state.execution(pipeline["name"], identifier)
        if pipeline["latest"].get(name) != identifier:
            text = f"The stage {name} was last entered by {pipeline['latest'].get(name)}, not by {identifier}"
            raise ApiError("NotLatestPipelineExecutionException", text)
        run = conditions.latest(execution["stages"][name])
        if params["conditionType"] != "BEFORE_ENTRY" or run is None or run["status"] != "InProgress":
            text = f"The stage {name} has no {params['conditionType']} condition in progress in {identifier}"
            raise ApiError("ConditionNotOverridableException", text)
        conditions.close(self._state, run, "Overridden", "Abandoned")
        self._state.save(execution)
        self._starter.wake()

    def rollback_stage(self, params: Params) -> Params:
        """Run a stage again with the variables and artifacts of an execution that succeeded in it."""
        pipeline = self._state.pipeline(params["pipelineName"])
        name = params["stageName"]
        declaration = self._state.declaration(pipeline)
        self._state.stage(declaration, name)
        target = self._state.execution(pipeline["name"], params["targetPipelineExecutionId"])
        if target["version"] != pipeline["version"]:
            text = f"The execution {target['id']} ran version {target['version']}, the pipeline has changed since"
            raise ApiError("PipelineExecutionOutdatedException", text)
        passed = target["stages"].get(name, {}).get("status") == "Succeeded"
        if name == declaration["stages"][0]["name"] or not passed or target["type"] == "ROLLBACK":
            text = f"The stage {name} cannot be rolled back to {target['id']}: it must have succeeded in it, must not "
            raise ApiError("UnableToRollbackStageException", f"{text}be a rollback itself nor the first stage")
        execution = self._starter.blank(pipeline, declaration, "ManualRollback", self._state.caller)
        kept = {key: target[key] for key in ("variables", "overrides", "revisions", "artifacts", "namespaces")}
        execution |= kept | {"type": "ROLLBACK", "stage": name, "rollbackOf": target["id"]}
        return {"pipelineExecutionId": self._starter.add(execution)}

    def _not_retryable(self, pipeline: Doc, execution: Doc, name: str) -> str:
        """Return why a stage cannot be retried, or ""."""
        record = execution["stages"][name]
        if execution["version"] != pipeline["version"]:
            return "the pipeline's structure has changed since"
        if record["status"] not in RETRYABLE or execution["status"] in LIVE:
            return f"it is {record['status']}"
        running = [row for key in record["actions"].values() if (row := self._state.actions.get(key))]
        if any(row["status"] == "InProgress" for row in running):
            return "actions of it are in progress"
        if any(row["stage"] == name and row["inside"] for row in self._state.of_pipeline(pipeline["name"])):
            return "another execution is in it"
        return ""

    def _revisions(self, pipeline: Doc, rows: list[Doc]) -> dict[str, dict[str, str]]:
        """Return the commits that a start request specifies, by source action."""
        sources = [row["name"] for row in self._state.declaration(pipeline)["stages"][0]["actions"]]
        for row in rows:
            if row["actionName"] not in sources:
                text = f"Pipeline {pipeline['name']} has no source action {row['actionName']}"
                raise ApiError("ValidationException", text)
            if row["revisionType"] != "COMMIT_ID":
                text = f"{row['actionName']} takes the revision type COMMIT_ID, not {row['revisionType']}"
                raise ApiError("ValidationException", text)
        return {row["actionName"]: {"sha": row["revisionValue"]} for row in rows}
