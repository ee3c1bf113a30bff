"""Status: an execution of the pipeline as a table, what its environments serve, and what waits for a person."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from contract.pipeline import Action
from delivery import environment as environments
from delivery.aws import pipeline, pipeline_state
from delivery.aws.clients import sentence
from delivery.console import as_text, typed
from delivery.deploying import failed_tasks, proof, revisions
from delivery.errors import DeliveryError
from delivery.operator import execution_text, release_courses, release_outcome, releases
from delivery.operator.executed_actions import ExecutedActions
from delivery.operator.execution_view import Closed, Serving, View
from delivery.operator.terminal import Changes, Live
from delivery.release import images
from delivery.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from types_boto3_codepipeline.type_defs import PipelineExecutionSummaryTypeDef

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
    actions: ExecutedActions = field(default_factory=ExecutedActions)
    served: list[Serving] = field(default_factory=list)
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

    def show(self, *, as_json: bool = False) -> int:
        """Print it once, as text or JSON; returns 0."""
        summary = self._summary()
        if as_json:
            print(as_text(self.view(summary).as_json()))
            return 0
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
        return [typed(line) for line in execution_text.lines(self.view(summary), self.environment.stack, self._when)]

    def view(self, summary: PipelineExecutionSummaryTypeDef) -> View:
        """Return what is known of an execution."""
        held = pipeline.state(self.clients("codepipeline"), self._of.name)
        identity = summary["pipelineExecutionId"]
        runs = pipeline.actions(self.clients("codepipeline"), self._of.name, identity)
        actions = self.actions.rows(self.clients, held, runs)
        by_stage = pipeline.stacks(self.clients("ssm"), self._of.name)
        return View(
            pipeline=self._of.name,
            execution=identity,
            status=summary["status"],
            reason=summary.get("statusSummary") or summary.get("stopTrigger", {}).get("reason", ""),
            commit=pipeline.commit_of(summary),
            message=actions[0].detail if actions and actions[0].status == "Succeeded" else "",
            begun=summary["startTime"].astimezone(),
            trigger=summary.get("trigger", {}).get("triggerType", ""),
            actions=actions,
            serving=self._serving(by_stage or {self._of.stage: self.environment.stack}),
            approvals=[one.execution for one in pipeline_state.waiting(held)],
            closed=[
                Closed(stage=stage, reason=why, executions=waits, stack=by_stage.get(stage, self.environment.stack))
                for stage, why, waits in pipeline_state.held_back(held)
            ],
            logs=self._logs(runs),
            approval=releases.approval(runs),
            result=str(release_outcome.of_course(release_courses.of_runs(self.session, summary, held, runs), [])),
        )

    def _when(self, moment: datetime) -> str:
        """Return a time: what is printed once has ages, what is appended to has the same line for it later."""
        if self.following and not sys.stdout.isatty():
            return f"at {moment:%H:%M:%S}"
        return self.session.clock.ago(moment)

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

    def _logs(self, runs: Runs) -> list[str]:
        """Return how to read the log of what failed, and, when asked once, of what is under way."""
        wanted = {"Failed"} if self.following else {"Failed", "InProgress"}
        return [
            f"{stage}/{action}: delivery logs --stack {self.environment.stack} --build {stage}/{action} "
            f"--execution {row['pipelineExecutionId'][: images.EXECUTION_SHOWN]}"
            for (stage, action), row in runs.items()
            if row["status"] in wanted and pipeline.build_of(row)
        ]

    def _serving(self, stacks: Mapping[str, str]) -> list[Serving]:
        """Return what the environments of the pipeline serve, by stage, asked now and then only."""
        now = self.session.clock.now()
        if self.served_at is None or now - self.served_at >= SERVED_SECONDS:
            self.served = [served(self.clients, stack) for stack in stacks.values()]
            self.served_at = now
        return self.served


def served(clients: Clients, stack: str) -> Serving:
    """Return what an environment serves, and since when."""
    try:
        there = environments.read(clients("ssm"), stack)
        found = proof.served(clients, there)
        session = Session(clients=clients, environment=there, say=print)
        since = [revisions.current(session, one).definition["registeredAt"] for one in there.services]
    except (DeliveryError, ClientError) as unknown:
        return Serving(stack=stack, versions={}, unknown=sentence(unknown))
    return Serving(
        stack=stack,
        url=there.url,
        versions=found.versions,
        since=max(since).astimezone() if since else None,
        proof=found.proof,
        unknown="" if since else "no service has recorded itself yet",
    )
