"""The actions of an execution, and the log tails of those that failed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from delivery.aws import pipeline
from delivery.console import typed
from delivery.operator import logs
from delivery.operator.execution_view import NOT_BEGUN, WAITING, Action

if TYPE_CHECKING:
    from types_boto3_codepipeline.type_defs import ActionExecutionDetailTypeDef, GetPipelineStateOutputTypeDef

    from delivery.aws.clients import Clients
    from delivery.aws.pipeline import Runs


@dataclass(kw_only=True)
class ExecutedActions:
    """The actions of one execution; `ends` are the logs read so far, by run: stage and action, and the last lines."""

    ends: dict[str, tuple[str, list[str]]] = field(default_factory=dict)

    def rows(self, clients: Clients, held: GetPipelineStateOutputTypeDef, runs: Runs) -> list[Action]:
        """Return each action in the order of the stages, with its latest run."""
        stages = held["stageStates"]
        order = [(one["stageName"], action["actionName"]) for one in stages for action in one["actionStates"]]
        keys = [*order, *(key for key in runs if key not in order)]
        return [self._row(clients, stage, action, runs.get((stage, action))) for stage, action in keys]

    def _row(self, clients: Clients, stage: str, action: str, run: ActionExecutionDetailTypeDef | None) -> Action:
        if run is None:
            return Action(stage=stage, action=action, status=NOT_BEGUN)
        since = run.get("lastUpdateTime") or run["startTime"]
        return Action(
            stage=stage,
            action=action,
            status=run["status"],
            since=since.astimezone(),
            detail=self._detail(clients, run),
        )

    def _detail(self, clients: Clients, row: ActionExecutionDetailTypeDef) -> str:
        result = row.get("output", {}).get("executionResult", {})
        told = result.get("errorDetails", {}).get("message") or result.get("externalExecutionSummary") or ""
        if row["status"] == "Failed":
            told = "; ".join(part for part in (logs.reason(self._end(clients, row)), told) if part)
        if row["status"] == "InProgress" and row["input"]["actionTypeId"]["category"] == pipeline.APPROVAL:
            told = told or WAITING
        return " ".join(_message(told).split())

    def _end(self, clients: Clients, row: ActionExecutionDetailTypeDef) -> list[str]:
        key = row["actionExecutionId"]
        if key not in self.ends:
            self.ends[key] = (f"{row['stageName']}/{row['actionName']}", logs.ending(clients, row))
        return self.ends[key][1]

    def failures(self) -> list[str]:
        """Return how the log of each action ends that has failed."""
        shown: list[str] = []
        for name, end in self.ends.values():
            shown += [f"the log of {name} ends with:", *(typed(f"  {line}") for line in end)] if end else []
        return shown


def _message(told: str) -> str:
    """Return the commit message of a source action's summary, which is JSON; any other text as it is."""
    try:
        held = json.loads(told)
    except ValueError:
        return told
    return str(held.get("CommitMessage", told)) if isinstance(held, dict) else told
