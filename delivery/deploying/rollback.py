"""Rollback: an earlier good release again, by the same path as a deploy; resume: the pipeline may release again.

What is run again is the earlier release revision itself (image, version and the template of then), since exactly that
passed. Good are revisions that passed acceptance (in production: the smoke test) and were not put back since; last of
all the first revision of a family. Before it deploys, the way into the pipeline's stage that deploys here is closed,
so that the pipeline does not release the bad commit again.
"""

from __future__ import annotations

import getpass
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from delivery.aws import pipeline
from delivery.deploying import revisions, rollout
from delivery.deploying.mover import Move, Mover
from delivery.deploying.mover import running as revision_of
from delivery.errors import DeliveryError
from delivery.release import images

if TYPE_CHECKING:
    from delivery.aws.pipeline import Runs
    from delivery.deploying.revisions import Revision
    from delivery.environment import Environment, Pipeline, Service
    from delivery.session import Session

    Revisions = dict[str, Revision]

REASON = re.compile(r"[^a-zA-Z0-9!@ ().*?\-]")  # what DisableStageTransition takes, at most 300 characters
REASON_LIMIT = 300
STOP_SECONDS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollback:
    """A rollback of an environment; `commit` is the one to go to (empty: the newest good one before)."""

    session: Session
    commit: str
    stop_execution: bool

    @property
    def environment(self) -> Environment:
        """The environment that is rolled back."""
        return self.session.environment

    def run(self) -> None:
        """Choose, close the pipeline's way in, and deploy.

        Raises:
            DeliveryError: there is no such release, the pipeline deploys at this moment, or the deploy failed.
        """
        of = self.environment.pipeline
        if of and self.stop_execution:
            # It may have deployed until now, to some of the services or to none: what they run is looked at then.
            stopped = self._close(of, _commits(self._running()), self.commit or "what was good before")
            if stopped and self._is_untouched(stopped):
                return
        running = self._running()
        chosen = self._choose(running)
        target = _commits(chosen)
        if of and not self.stop_execution:
            self._close(of, _commits(running), target)
        moves = [
            Move(service=service, to=chosen[service.name], back=self._back(service, running[service.name]))
            for service in self.environment.services
            if chosen[service.name].arn != running[service.name].arn
        ]
        Mover(self.session).move(moves, f"run it again: delivery rollback --stack {self.environment.stack}")
        for move in moves:
            revisions.note(self.session.ecs, running[move.service.name], "failed")
        self.session.say(f"{self.environment.stack} serves {target} again")
        if of:
            self.session.say(
                f"pipeline {of.name} releases nothing to it until: delivery resume --stack {self.environment.stack}"
            )

    def _back(self, service: Service, running: Revision) -> Revision | None:
        """Return what serves again where the rollback fails, be it bad; None where it never came up."""
        held = rollout.held(self.session, service)
        return running if rollout.steady(held) else None

    def _running(self) -> Revisions:
        return {service.name: revision_of(self.session, service) for service in self.environment.services}

    def _choose(self, running: Revisions) -> Revisions:
        """Return the revision that each service goes back to: all of the newest release that was good, and is not run.

        A service that is younger than that release goes back to its first revision. Where services run different
        releases, as after a deploy that was killed, one of them may stay as it is.
        """
        ecs = self.session.ecs
        held = {
            service.name: list(revisions.newest_first(ecs, service.release_family, running[service.name].container))
            for service in self.environment.services
        }
        every = [(name, one) for name, found in held.items() for one in found]
        # First revisions come last: those of services that came later are newer than releases.
        every.sort(key=lambda pair: (bool(pair[1].commit), pair[1].definition["registeredAt"]), reverse=True)
        if not self.commit:  # what is before
            held = {name: [one for one in found if one.number <= running[name].number] for name, found in held.items()}
        for name, one in every:
            if one not in held[name] or not (one.commit or one.version).startswith(self.commit):
                continue
            chosen = {other: _beside(found, one.commit, running[other]) for other, found in held.items()} | {name: one}
            fit = {other: found for other, found in chosen.items() if found}
            if {other: found.arn for other, found in fit.items()} == {other: run.arn for other, run in running.items()}:
                continue
            if why := self._unfit(fit):
                self.session.say(f"{name}: {one} is skipped: {why}")
            elif len(fit) == len(held):
                return fit
        wanted = f"of commit {self.commit}" if self.commit else f"before {_commits(running)}"
        raise DeliveryError(
            f"there is no good release {wanted} to go back to; see: delivery history --stack {self.environment.stack}"
        )

    def _unfit(self, chosen: Revisions) -> str:
        if not all(one.good for one in chosen.values()):
            return "it never passed, or was put back"
        for service in self.environment.services:
            digest = chosen[service.name].digest if service.name in chosen else ""
            if (
                digest
                and images.describe(self.session.clients("ecr"), service.repository, {"imageDigest": digest}) is None
            ):
                return f"the image {digest} of {service.name} is gone"
        return ""

    def _is_untouched(self, stopped: str) -> bool:
        """Tell whether the execution that was stopped had deployed nothing yet, and nothing else is to be gone back."""
        if self.commit or not all(one.good for one in self._running().values()):
            return False
        self.session.say(
            f"execution {stopped} had deployed nothing yet: {self.environment.stack} serves what was good before"
        )
        return True

    def _close(self, of: Pipeline, bad: str, target: str) -> str:
        """Disable the transition into the stage, then see to what is under way in it.

        Returns:
            The execution that had to be stopped, empty where none was under way.
        """
        client = self.session.clients("codepipeline")
        reason = f"{bad} rolled back to {target} by {getpass.getuser()} {datetime.now(UTC):%Y-%m-%d %H.%M} UTC"
        reason = REASON.sub("-", f"{reason}. Go on with delivery resume")[:REASON_LIMIT]
        pipeline.state(client, of.name)
        client.disable_stage_transition(
            pipelineName=of.name, stageName=of.stage, transitionType="Inbound", reason=reason
        )
        self.session.say(f"pipeline {of.name}: the way into stage {of.stage} is closed: {reason}")
        stage = pipeline.stage_of(pipeline.state(client, of.name), of.stage)
        latest = stage.get("latestExecution", {})
        if latest.get("status") not in ("InProgress", "Stopping"):
            return ""
        self._stop(of, latest["pipelineExecutionId"])
        return str(latest["pipelineExecutionId"])

    def _stop(self, of: Pipeline, execution: str) -> None:
        """Stop the execution that deploys here now, where that was asked for."""
        stack = self.environment.stack
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
            pipelineName=of.name, pipelineExecutionId=execution, abandon=True, reason="delivery rollback"
        )
        for build in builds:
            self.session.clients("codebuild").stop_build(id=build)
        end = self.session.clock.now() + STOP_SECONDS
        while self._goes_on(of, execution, builds):
            if self.session.clock.now() > end:
                raise DeliveryError(f"execution {execution} has not stopped after {STOP_SECONDS} s; run it again")
            self.session.clock.sleep(1)
        self.session.say(f"execution {execution} is stopped")

    def _goes_on(self, of: Pipeline, execution: str, builds: list[str]) -> bool:
        """Tell whether an execution, or a build that may deploy until it has ended, is not over."""
        if pipeline.execution(self.session.clients("codepipeline"), of.name, execution)["status"] in (
            "InProgress",
            "Stopping",
        ):
            return True
        held = self.session.clients("codebuild").batch_get_builds(ids=builds)["builds"] if builds else []
        return any(build["buildStatus"] == "IN_PROGRESS" for build in held)


def _beside(found: list[Revision], commit: str, running: Revision) -> Revision | None:
    """Return the newest good revision of a commit; of a service that is younger than the commit, its first one."""
    good = [one for one in found if one.good]
    if chosen := next((one for one in good if one.commit == commit), None):
        return chosen
    older = [one for one in good if one.commit and one.number < running.number]
    return None if older else next((one for one in good if not one.commit), None)


def _commits(of: Revisions) -> str:
    """Return the commits of revisions, for people; a first revision's version."""
    return " ".join(sorted({one.commit or one.version for one in of.values()}))


def _builds(runs: Runs, stage: str) -> list[str]:
    """Return the builds of a stage that are under way."""
    rows = [row for (name, _), row in runs.items() if name == stage and row["status"] == "InProgress"]
    return [build for row in rows if (build := pipeline.build_of(row))]


def resume(session: Session) -> None:
    """Open the way into the stage that deploys to an environment, and say what comes through it.

    Raises:
        DeliveryError: no pipeline deploys to it.
    """
    of, client = pipeline.of(session.environment), session.clients("codepipeline")
    held = pipeline.state(client, of.name)
    before = [(reason, waits) for stage, reason, waits in pipeline.held_back(held) if stage == of.stage]
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
