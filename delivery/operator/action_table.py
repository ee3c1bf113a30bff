"""The table of an execution's actions, and how the logs of those that failed end."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from delivery.aws import pipeline
from delivery.console import paint, table, typed
from delivery.operator import logs

if TYPE_CHECKING:
    from types_boto3_codepipeline.type_defs import ActionExecutionDetailTypeDef, GetPipelineStateOutputTypeDef

    from delivery.aws.clients import Clients
    from delivery.aws.pipeline import Runs

HEAD = ("stage", "action", "status", "since", "detail")
COLOURS = {
    "Succeeded": "green",
    "Failed": "red",
    "Stopped": "red",
    "Cancelled": "red",
    "Abandoned": "red",
    "InProgress": "blue",
    "Stopping": "yellow",
    "Superseded": "grey",
}


@dataclass(kw_only=True)
class ActionTable:
    """The table of one execution; `ends` are the logs that were read: by run, stage and action, and the last lines."""

    ends: dict[str, tuple[str, list[str]]] = field(default_factory=dict)

    def lines(self, clients: Clients, held: GetPipelineStateOutputTypeDef, runs: Runs) -> list[str]:
        """Return the table: each action in the order of the stages, with its run's status, time and detail."""
        stages = held["stageStates"]
        order = [(one["stageName"], action["actionName"]) for one in stages for action in one["actionStates"]]
        rows: list[tuple[str, ...]] = []
        for stage, action in [*order, *(key for key in runs if key not in order)]:
            row = runs.get((stage, action))
            if row is None:
                rows.append((stage, action, paint("-", "grey"), "", ""))
                continue
            status, since = row["status"], row.get("lastUpdateTime") or row["startTime"]
            colour = COLOURS.get(status, "bold")
            rows.append(
                (stage, action, paint(status, colour), f"{since.astimezone():%H:%M:%S}", self._detail(clients, row))
            )
        return table(HEAD, rows)

    def _detail(self, clients: Clients, row: ActionExecutionDetailTypeDef) -> str:
        result = row.get("output", {}).get("executionResult", {})
        told = result.get("errorDetails", {}).get("message") or result.get("externalExecutionSummary") or ""
        if row["status"] == "Failed":
            told = "; ".join(part for part in (logs.reason(self._end(clients, row)), told) if part)
        if row["status"] == "InProgress" and row["input"]["actionTypeId"]["category"] == pipeline.APPROVAL:
            told = told or "waits for approval"
        return " ".join(_message(told).split())

    def _end(self, clients: Clients, row: ActionExecutionDetailTypeDef) -> list[str]:
        key = row["actionExecutionId"]
        if key not in self.ends:
            self.ends[key] = (f"{row['stageName']}/{row['actionName']}", logs.ending(clients, row))
        return self.ends[key][1]

    def failures(self) -> list[str]:
        """Return how the log of each action ends that the lines show as failed."""
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
