"""The hold on a pipeline: a rollback disables the transition into the deploying stage, `resume` enables it again."""

from __future__ import annotations

import getpass
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from delivery.aws import pipeline, pipeline_state
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from delivery.aws.pipeline import Runs
    from delivery.environment import Pipeline
    from delivery.session import Session

REASON = re.compile(r"[^a-zA-Z0-9!@ ().*?\-]")  # what DisableStageTransition takes, at most 300 characters
REASON_LIMIT = 300
STOP_SECONDS = 60
STOP_LIMIT = 200  # StopPipelineExecution, reason
UNDER_WAY = ("InProgress", "Stopping")


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """Holds a pipeline; an execution that is deploying is stopped with `stop_execution`, otherwise an error."""

    session: Session
    of: Pipeline
    stop_execution: bool

    def close(self, bad: str, target: str) -> str:
        """Disable the transition into the stage, then deal with the execution in progress there.

        Returns:
            The execution that had to be stopped, empty where none was under way.
        """
        of, client = self.of, self.session.clients("codepipeline")
        reason = f"{bad} rolled back to {target} by {getpass.getuser()} {datetime.now(UTC):%Y-%m-%d %H.%M} UTC"
        reason = REASON.sub("-", f"{reason}. Go on with delivery resume")[:REASON_LIMIT]
        pipeline.state(client, of.name)
        client.disable_stage_transition(
            pipelineName=of.name, stageName=of.stage, transitionType="Inbound", reason=reason
        )
        self.session.say(f"pipeline {of.name}: the way into stage {of.stage} is closed: {reason}")
        stage = pipeline_state.stage_of(pipeline.state(client, of.name), of.stage)
        latest = stage.get("latestExecution", {})
        if latest.get("status") not in UNDER_WAY:
            return ""
        self._stop(latest["pipelineExecutionId"])
        return str(latest["pipelineExecutionId"])

    def _stop(self, execution: str) -> None:
        """Stop the execution that is deploying, if requested."""
        of, stack = self.of, self.session.stack
        if not self.stop_execution:
            raise DeliveryError(
                f"execution {execution} is under way in stage {of.stage} of pipeline {of.name}; wait for its end: "
                f"delivery status --stack {stack} --execution {execution} --follow, or end it: "
                f"delivery rollback --stack {stack} --stop-execution"
            )
        client = self.session.clients("codepipeline")
        # Asked for first: an action that is abandoned is not under way any more.
        builds = _builds(pipeline.actions(client, of.name, execution), of.stage)
        client.stop_pipeline_execution(
            pipelineName=of.name,
            pipelineExecutionId=execution,
            abandon=True,
            reason=f"delivery rollback by {getpass.getuser()}"[:STOP_LIMIT],
        )
        for build in builds:
            self.session.clients("codebuild").stop_build(id=build)
        end = self.session.clock.now() + STOP_SECONDS
        while self._goes_on(execution, builds):
            if self.session.clock.now() > end:
                raise DeliveryError(f"execution {execution} has not stopped after {STOP_SECONDS} s; run it again")
            self.session.clock.sleep(1)
        self.session.say(f"execution {execution} is stopped")

    def _goes_on(self, execution: str, builds: list[str]) -> bool:
        """Tell whether an execution, or one of its builds, is still running."""
        found = pipeline.execution(self.session.clients("codepipeline"), self.of.name, execution)
        if found["status"] in UNDER_WAY:
            return True
        held = self.session.clients("codebuild").batch_get_builds(ids=builds)["builds"] if builds else []
        return any(build["buildStatus"] == "IN_PROGRESS" for build in held)


def _builds(runs: Runs, stage: str) -> list[str]:
    """Return the builds in progress in a stage."""
    rows = [row for (name, _), row in runs.items() if name == stage and row["status"] == "InProgress"]
    return [build for row in rows if (build := pipeline.build_of(row))]


def resume(session: Session) -> None:
    """Enable the transition into the stage that deploys to an environment, and report what will pass it.

    Raises:
        DeliveryError: no pipeline deploys to it.
    """
    of, client = pipeline.of(session.environment), session.clients("codepipeline")
    held = pipeline.state(client, of.name)
    before = [(reason, waits) for stage, reason, waits in pipeline_state.held_back(held) if stage == of.stage]
    if not before:
        session.say(f"pipeline {of.name}: the way into stage {of.stage} is open already")
        return
    client.enable_stage_transition(pipelineName=of.name, stageName=of.stage, transitionType="Inbound")
    session.say(f"pipeline {of.name}: the way into stage {of.stage} is open again (it was closed: {before[0][0]})")
    for execution in before[0][1]:
        commit = pipeline.commit_of(pipeline.execution(client, of.name, execution))
        session.say(f"execution {execution} goes on with commit {commit}")
    if not before[0][1]:
        session.say("no execution waits there; the next release that passes the stage before goes through")
