"""Status: an execution of the pipeline as a table, what its environments serve, and what waits for a person."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from contract.pipeline import Action
from delivery import environment as environments
from delivery.aws import pipeline, pipeline_state
from delivery.console import paint, typed
from delivery.deploying import failed_tasks, proof
from delivery.errors import DeliveryError
from delivery.operator.action_table import COLOURS, ActionTable
from delivery.operator.terminal import Changes, Live
from delivery.session import Session

if TYPE_CHECKING:
    from types_boto3_codepipeline.type_defs import (
        GetPipelineStateOutputTypeDef,
        PipelineExecutionSummaryTypeDef,
    )

    from delivery.aws.clients import Clients
    from delivery.aws.pipeline import Runs
    from delivery.environment import Environment, Pipeline

WAITS = 3
"""The exit code when an execution cannot go on without a person."""
POLL_SECONDS = 2.0
SERVED_SECONDS = 10.0


@dataclass(kw_only=True)
class Status:
    """What `delivery status` shows of one execution of the pipeline that deploys to an environment."""

    session: Session
    execution: str
    following: bool = False
    actions: ActionTable = field(default_factory=ActionTable)
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
        summary = self._summary()
        print("\n".join([*self.lines(summary), *self._failures(summary["pipelineExecutionId"])]))
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
                print("".join(f"{line}\n" for line in self._failures(self.execution)), end="", flush=True)
                return pipeline.OVER[summary["status"]]
            if self._waits():
                return WAITS
            self.session.clock.sleep(POLL_SECONDS)

    def _summary(self) -> PipelineExecutionSummaryTypeDef:
        return pipeline.execution(self.clients("codepipeline"), self._of.name, self.execution)

    def _waits(self) -> bool:
        held = pipeline.state(self.clients("codepipeline"), self._of.name)
        closed = {execution for _, _, waits in pipeline_state.held_back(held) for execution in waits}
        return self.execution in closed | {one.execution for one in pipeline_state.waiting(held)}

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
            *self.actions.lines(self.clients, held, runs),
            *self._links(runs),
            *self._serves(),
            *self._needs(held),
        ]
        return [typed(line) for line in lines]

    def _failures(self, execution: str) -> list[str]:
        """Return how the logs of failed actions end, and why the tasks of a release that failed do not come up."""
        runs = pipeline.actions(self.clients("codepipeline"), self._of.name, execution)
        by_stage = pipeline.stacks(self.clients("ssm"), self._of.name)
        lines = self.actions.failures()
        for (stage, action), row in runs.items():
            if row["status"] == "Failed" and action == Action.DEPLOY and stage in by_stage:
                try:
                    there = environments.read(self.clients("ssm"), by_stage[stage])
                    session = Session(clients=self.clients, environment=there, say=print)
                    lines += failed_tasks.of_execution(session, execution)
                except (DeliveryError, ClientError) as unknown:
                    lines.append(f"why the tasks in {by_stage[stage]} failed is not known: {unknown}")
        return [typed(line) for line in lines]

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
            served = proof.served(self.clients, there)
        except (DeliveryError, ClientError) as unknown:
            return f"{stack}: what it serves is not known: {unknown}"
        return f"{stack} serves {served} at {there.url} (proof: {served.proof})"

    def _needs(self, held: GetPipelineStateOutputTypeDef) -> list[str]:
        """Return what waits for a person, with the command to type."""
        by_stage = pipeline.stacks(self.clients("ssm"), self._of.name)
        lines = []
        for one in pipeline_state.waiting(held):
            told = f"delivery approve --stack {self.environment.stack} --execution {one.execution} (or reject)"
            lines.append(paint(f"execution {one.execution} waits for approval: {told}", "yellow"))
        for stage, reason, executions in pipeline_state.held_back(held):
            stack = by_stage.get(stage, self.environment.stack)
            waits = f", before it waits {', '.join(executions)}" if executions else ""
            told = f"the way into stage {stage} is closed ({reason}){waits}; open it: delivery resume --stack {stack}"
            lines.append(paint(told, "yellow"))
        return lines
