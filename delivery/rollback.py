"""Rollback: an earlier good release again, by the same path as a deploy; resume: the pipeline may release again.

What is run again is the earlier release revision itself (image, version and the template of then), since exactly that
passed. Good are revisions that passed acceptance (in production: the smoke test) and were not put back since; last of
all the first revision of a family. Before it deploys, the way into the pipeline's stage that deploys here is closed,
so that the pipeline does not release the bad commit again.
"""

from __future__ import annotations

import getpass
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from delivery import images, pipeline, revisions, rollout
from delivery.errors import DeliveryError
from delivery.moving import Move, Mover

if TYPE_CHECKING:
    from delivery.clients import Clients, Document
    from delivery.console import Progress
    from delivery.environment import Environment, Pipeline, Service
    from delivery.revisions import Revision

REASON = re.compile(r"[^a-zA-Z0-9!@ ().*?\-]")  # what DisableStageTransition takes, at most 300 characters
REASON_LIMIT = 300
STOP_SECONDS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollback:
    """A rollback of an environment; `commit` is the one to go to (empty: the newest good one before)."""

    clients: Clients
    environment: Environment
    commit: str
    stop_execution: bool
    say: Progress

    def run(self) -> None:
        """Choose, close the pipeline's way in, and deploy.

        Raises:
            DeliveryError: there is no such release, the pipeline deploys at this moment, or the deploy failed.
        """
        mover = Mover(clients=self.clients, environment=self.environment, say=self.say)
        running = {service.name: mover.running(service) for service in self.environment.services}
        chosen = self._choose(running)
        bad = " ".join(sorted({one.commit or one.version for one in running.values()}))
        target = " ".join(sorted({one.commit or one.version for one in chosen.values()}))
        if self.environment.pipeline:
            self._close(self.environment.pipeline, bad, target)
        moves = [
            Move(service=service, to=chosen[service.name], back=self._back(service, running[service.name]))
            for service in self.environment.services
            if chosen[service.name].arn != running[service.name].arn
        ]
        mover.move(moves, f"run it again: delivery rollback --stack {self.environment.stack}")
        for move in moves:
            revisions.note(self.clients("ecs"), running[move.service.name], "failed")
        self.say(f"{self.environment.stack} serves {target} again")
        if self.environment.pipeline:
            self.say(
                f"pipeline {self.environment.pipeline.name} releases nothing to it until: "
                f"delivery resume --stack {self.environment.stack}"
            )

    def _back(self, service: Service, running: Revision) -> Revision | None:
        """Return what serves again where the rollback fails, be it bad; None where it never came up."""
        held = rollout.described(self.clients("ecs"), self.environment.cluster, service.ecs_service)
        return running if rollout.steady(held) else None

    def _choose(self, running: dict[str, Revision]) -> dict[str, Revision]:
        """Return the revision that each service goes back to: all of the same commit."""
        chosen: dict[str, Revision] = {}
        wanted = self.commit
        for service in self.environment.services:
            one = self._candidate(service, running[service.name], wanted, exact=bool(chosen))
            chosen[service.name] = one
            wanted = one.commit
        return chosen

    def _candidate(self, service: Service, running: Revision, commit: str, *, exact: bool) -> Revision:
        ecs = self.clients("ecs")
        for one in revisions.newest_first(ecs, service.release_family, running.container):
            fits = one.commit == commit if exact else (one.commit or one.version).startswith(commit)
            if not fits or one.arn == running.arn or not (commit or one.number < running.number):
                continue
            if why := self._unfit(service, one):
                self.say(f"{service.name}: {one} is skipped: {why}")
                continue
            return one
        wanted = f"of commit {commit}" if commit else f"before {running}"
        raise DeliveryError(
            f"{service.name}: there is no good release {wanted} to go back to; "
            f"see: delivery history --stack {self.environment.stack}"
        )

    def _unfit(self, service: Service, one: Revision) -> str:
        if one.commit and not one.passed:
            return "it never passed, or was put back"
        if images.describe(self.clients("ecr"), service.repository, {"imageDigest": one.digest}) is None:
            return f"its image {one.digest} is gone"
        return ""

    def _close(self, of: Pipeline, bad: str, target: str) -> None:
        """Disable the transition into the stage, then see to what is under way in it."""
        client = self.clients("codepipeline")
        reason = f"{bad} rolled back to {target} by {getpass.getuser()} {datetime.now(UTC):%Y-%m-%d %H.%M} UTC"
        reason = REASON.sub("-", f"{reason}. Go on with delivery resume")[:REASON_LIMIT]
        pipeline.state(client, of.name)
        client.disable_stage_transition(
            pipelineName=of.name, stageName=of.stage, transitionType="Inbound", reason=reason
        )
        self.say(f"pipeline {of.name}: the way into stage {of.stage} is closed: {reason}")
        stage = pipeline.stage_of(pipeline.state(client, of.name), of.stage)
        latest = stage.get("latestExecution", {})
        if latest.get("status") in ("InProgress", "Stopping"):
            self._stop(of, latest["pipelineExecutionId"])

    def _stop(self, of: Pipeline, execution: str) -> None:
        """Stop the execution that deploys here now, where that was asked for."""
        stack = self.environment.stack
        if not self.stop_execution:
            raise DeliveryError(
                f"execution {execution} is under way in stage {of.stage} of pipeline {of.name}; wait for its end: "
                f"delivery status --stack {stack} --execution {execution} --follow, or end it: "
                f"delivery rollback --stack {stack} --stop-execution"
            )
        client = self.clients("codepipeline")
        client.stop_pipeline_execution(
            pipelineName=of.name, pipelineExecutionId=execution, abandon=True, reason="delivery rollback"
        )
        for build in _builds(pipeline.actions(client, of.name, execution), of.stage):
            self.clients("codebuild").stop_build(id=build)
        end = time.monotonic() + STOP_SECONDS
        while pipeline.execution(client, of.name, execution)["status"] in ("InProgress", "Stopping"):
            if time.monotonic() > end:
                raise DeliveryError(f"execution {execution} has not stopped after {STOP_SECONDS} s; run it again")
            time.sleep(1)
        self.say(f"execution {execution} is stopped")


def _builds(runs: dict[tuple[str, str], Document], stage: str) -> list[str]:
    """Return the builds of a stage that are under way."""
    rows = [row for (name, _), row in runs.items() if name == stage and row["status"] == "InProgress"]
    return [build for row in rows if (build := pipeline.build_of(row))]


def resume(clients: Clients, environment: Environment, say: Progress) -> None:
    """Open the way into the stage that deploys to an environment, and say what comes through it.

    Raises:
        DeliveryError: no pipeline deploys to it.
    """
    of, client = pipeline.of(environment), clients("codepipeline")
    held = pipeline.state(client, of.name)
    before = [(reason, waits) for stage, reason, waits in pipeline.held_back(held) if stage == of.stage]
    if not before:
        say(f"pipeline {of.name}: the way into stage {of.stage} is open already")
        return
    client.enable_stage_transition(pipelineName=of.name, stageName=of.stage, transitionType="Inbound")
    say(f"pipeline {of.name}: the way into stage {of.stage} is open again (it was closed: {before[0][0]})")
    for execution in before[0][1]:
        commit = pipeline.commit_of(pipeline.execution(client, of.name, execution))
        say(f"execution {execution} goes on with commit {commit}")
    if not before[0][1]:
        say("no execution waits there; the next release that passes the stage before goes through")
