"""Status: an execution of the pipeline as a table, what its environments serve, and what waits for a person."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from delivery import environment as environments
from delivery.aws import pipeline
from delivery.console import paint, table, typed
from delivery.deploying import proof
from delivery.errors import DeliveryError
from delivery.operator import logs
from delivery.operator.terminal import Changes, Live

if TYPE_CHECKING:
    from types_boto3_codepipeline.type_defs import (
        ActionExecutionDetailTypeDef,
        GetPipelineStateOutputTypeDef,
        PipelineExecutionSummaryTypeDef,
    )

    from delivery.aws.clients import Clients
    from delivery.aws.pipeline import Runs
    from delivery.environment import Environment, Pipeline
    from delivery.session import Session

WAITS = 3
"""The exit code when an execution cannot go on without a person."""
POLL_SECONDS = 2.0
SERVED_SECONDS = 10.0
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
class Status:
    """What `delivery status` shows of one execution of the pipeline that deploys to an environment."""

    session: Session
    execution: str
    following: bool = False
    ends: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    """By failed action execution: its stage and action, and how its build's log ends."""
    served: list[str] = field(default_factory=list)
    served_at: float | None = None

    @property
    def clients(self) -> Clients:
        """AWS's clients."""
        return self.session.clients

    @property
    def environment(self) -> Environment:
        """The environment that was asked about."""
        return self.session.environment

    @property
    def _of(self) -> Pipeline:
        return pipeline.of(self.environment)

    def show(self) -> int:
        """Print it once; returns 0."""
        print("\n".join([*self.lines(self._summary()), *self.failures()]))
        return 0

    def follow(self) -> int:
        """Show it until the execution ends or waits for a person: live on a terminal, else what is new as lines.

        Returns:
            0 when it succeeded, 1 when it failed, was stopped or superseded, 3 when it waits for a person: for
            approval, or before a stage whose way in is closed.
        """
        self.execution, self.following = self._summary()["pipelineExecutionId"], True
        screen = Live() if sys.stdout.isatty() else Changes()
        while True:
            summary = self._summary()
            screen.show(self.lines(summary))
            if summary["status"] in pipeline.OVER:
                print("".join(f"{line}\n" for line in self.failures()), end="", flush=True)
                return pipeline.OVER[summary["status"]]
            if self._waits():
                return WAITS
            self.session.clock.sleep(POLL_SECONDS)

    def _summary(self) -> PipelineExecutionSummaryTypeDef:
        return pipeline.execution(self.clients("codepipeline"), self._of.name, self.execution)

    def _waits(self) -> bool:
        held = pipeline.state(self.clients("codepipeline"), self._of.name)
        closed = {execution for _, _, waits in pipeline.held_back(held) for execution in waits}
        return self.execution in closed | {one.execution for one in pipeline.waiting(held)}

    def lines(self, summary: PipelineExecutionSummaryTypeDef) -> list[str]:
        """Return everything as lines."""
        held = pipeline.state(self.clients("codepipeline"), self._of.name)
        identity, status = summary["pipelineExecutionId"], summary["status"]
        runs = pipeline.actions(self.clients("codepipeline"), self._of.name, identity)
        trigger = summary.get("trigger", {}).get("triggerType", "")
        why = summary.get("statusSummary") or summary.get("stopTrigger", {}).get("reason", "")
        shown = paint(status, COLOURS.get(status, "bold"))
        lines = [
            f"pipeline {self._of.name}, execution {identity}: {shown}{f' ({why})' if why else ''}",
            f"commit {pipeline.commit_of(summary) or '(not taken yet)'}, begun "
            f"{summary['startTime'].astimezone():%Y-%m-%d %H:%M:%S} by {trigger or 'nobody that is told'}",
            *table(HEAD, self._rows(held, runs)),
            *self._links(runs),
            *self._serves(),
            *self._needs(held),
        ]
        return [typed(line) for line in lines]

    def _rows(self, held: GetPipelineStateOutputTypeDef, runs: Runs) -> list[tuple[str, ...]]:
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
            rows.append((stage, action, paint(status, colour), f"{since.astimezone():%H:%M:%S}", self._detail(row)))
        return rows

    def _detail(self, row: ActionExecutionDetailTypeDef) -> str:
        result = row.get("output", {}).get("executionResult", {})
        told = result.get("errorDetails", {}).get("message") or result.get("externalExecutionSummary") or ""
        if row["status"] == "Failed":
            told = "; ".join(part for part in (logs.reason(self._end(row)), told) if part)
        if row["status"] == "InProgress" and row["input"]["actionTypeId"]["category"] == pipeline.APPROVAL:
            told = told or "waits for approval"
        return " ".join(_message(told).split())

    def _end(self, row: ActionExecutionDetailTypeDef) -> list[str]:
        key = row["actionExecutionId"]
        if key not in self.ends:
            self.ends[key] = (f"{row['stageName']}/{row['actionName']}", logs.ending(self.clients, row))
        return self.ends[key][1]

    def failures(self) -> list[str]:
        """Return how the log of each action ends that the lines show as failed."""
        shown: list[str] = []
        for name, end in self.ends.values():
            shown += [f"the log of {name} ends with:", *(typed(f"  {line}") for line in end)] if end else []
        return shown

    def _links(self, runs: Runs) -> list[str]:
        """Return where to read on about what failed, and, when asked once, about what is under way."""
        found, wanted = [], {"Failed"} if self.following else {"Failed", "InProgress"}
        for (stage, action), row in runs.items():
            url = row.get("output", {}).get("executionResult", {}).get("externalExecutionUrl", "")
            if row["status"] in wanted and pipeline.build_of(row):
                stack = self.environment.stack
                execution = row["pipelineExecutionId"]
                log = f"delivery logs --stack {stack} --build {stage}/{action} --execution {execution}"
                found.append(f"log of {stage}/{action}: {log}{f' or {url}' if url else ''}")
        return found

    def _serves(self) -> list[str]:
        """Return what each environment of the pipeline serves, asked now and then only."""
        now = self.session.clock.now()
        if self.served_at is not None and now - self.served_at < SERVED_SECONDS:
            return self.served
        of = pipeline.stacks(self.clients("ssm"), self._of.name) or {self._of.stage: self.environment.stack}
        self.served = [self._served(stack) for stack in of.values()]
        self.served_at = now
        return self.served

    def _served(self, stack: str) -> str:
        try:
            there = environments.read(self.clients("ssm"), stack)
            return f"{stack} serves {proof.told(proof.served(there))} at {there.url}"
        except (DeliveryError, ClientError) as unknown:
            return f"{stack}: what it serves is not known: {unknown}"

    def _needs(self, held: GetPipelineStateOutputTypeDef) -> list[str]:
        """Return what waits for a person, with the command to type."""
        by_stage = pipeline.stacks(self.clients("ssm"), self._of.name)
        lines = []
        for one in pipeline.waiting(held):
            told = f"delivery approve --stack {self.environment.stack} --execution {one.execution} (or reject)"
            lines.append(paint(f"execution {one.execution} waits for approval: {told}", "yellow"))
        for stage, reason, executions in pipeline.held_back(held):
            stack = by_stage.get(stage, self.environment.stack)
            waits = f", before it waits {', '.join(executions)}" if executions else ""
            told = f"the way into stage {stage} is closed ({reason}){waits}; open it: delivery resume --stack {stack}"
            lines.append(paint(told, "yellow"))
        return lines


def _message(told: str) -> str:
    """Return the commit message of a source action's summary, which is JSON; any other text as it is."""
    try:
        held = json.loads(told)
    except ValueError:
        return told
    return str(held.get("CommitMessage", told)) if isinstance(held, dict) else told
