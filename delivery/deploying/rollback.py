"""Rollback: redeploy an earlier good release by the same path as a deploy.

What is run again is the earlier release revision itself (image, version and the template of then), since exactly that
passed. Good are revisions that passed acceptance (in production: the smoke test) and were not put back since; last of
all the first revision of a family. Before it deploys, the way into the pipeline's stage that deploys here is closed,
so that the pipeline does not release the bad commit again.
"""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from delivery.deploying import ecs_service, github_deployment, revisions
from delivery.deploying.mover import Move, Mover
from delivery.deploying.pipeline_hold import Hold
from delivery.deploying.revisions import current
from delivery.errors import DeliveryError
from delivery.release import images, in_use

if TYPE_CHECKING:
    from delivery.deploying.revisions import Revision
    from delivery.environment import Environment, Service
    from delivery.session import Session

    Revisions = dict[str, Revision]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollback:
    """A rollback of an environment to `commit` (empty: the newest good release before the current one)."""

    session: Session
    commit: str
    stop_execution: bool

    @property
    def environment(self) -> Environment:
        """The environment that is rolled back."""
        return self.session.environment

    def run(self) -> str:
        """Choose the release, hold the pipeline, and deploy.

        Returns:
            The commits that are served again; empty if there was nothing to roll back.

        Raises:
            DeliveryError: there is no such release, the pipeline deploys at this moment, or the deploy failed.
        """
        of = self.environment.pipeline
        hold = Hold(session=self.session, of=of, stop_execution=self.stop_execution) if of else None
        if hold and self.stop_execution:
            # It may have deployed until now, to some of the services or to none: what they run is looked at then.
            stopped = hold.close(_commits(self._running()), self.commit or "what was good before")
            if stopped and self._is_untouched(stopped):
                return ""
        running = self._running()
        chosen = self._choose(running)
        target = _commits(chosen)
        if hold and not self.stop_execution:
            hold.close(_commits(running), target)
        moves = [
            Move(service=service, to=chosen[service.name], back=self._back(service, running[service.name]))
            for service in self.environment.services
            if chosen[service.name].arn != running[service.name].arn
        ]
        for move in moves:
            in_use.mark(self.session.clients("ecr"), self.session.stack, move.service.repository, move.to.digest)
        remedy = f"run it again: delivery rollback --stack {self.environment.stack}"
        Mover(self.session).move(moves, remedy, back=True)
        by = _caller(self.session)
        for move in moves:
            to = move.to.commit or move.to.version
            revisions.note_rollback(self.session.ecs, running[move.service.name], by, to)
        self.session.say(f"{self.environment.stack} serves {target} again")
        github_deployment.rolled_back(self.session, _commits(running), target)
        if of:
            self.session.say(
                f"pipeline {of.name} releases nothing to it until: delivery resume --stack {self.environment.stack}"
            )
        return target

    def _back(self, service: Service, running: Revision) -> Revision | None:
        """Return what to put back if the rollback fails, good or not; None if it never became steady."""
        held = ecs_service.describe(self.session, service)
        return running if ecs_service.steady(held) else None

    def _running(self) -> Revisions:
        return {service.name: current(self.session, service) for service in self.environment.services}

    def _choose(self, running: Revisions) -> Revisions:
        """Return the revision that each service goes back to: those of the newest good release that is not running.

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
        """Tell whether the stopped execution had not deployed anything, so that nothing has to be rolled back."""
        if self.commit or not all(one.good for one in self._running().values()):
            return False
        self.session.say(
            f"execution {stopped} had deployed nothing yet: {self.environment.stack} serves what was good before"
        )
        return True


def _caller(session: Session) -> str:
    """Return who rolls back: the ARN of the credentials in use, else the name of this machine's user."""
    try:
        return str(session.clients("sts").get_caller_identity()["Arn"])
    except (BotoCoreError, ClientError):
        return getpass.getuser()


def _beside(found: list[Revision], commit: str, running: Revision) -> Revision | None:
    """Return the newest good revision of a commit, or the first revision of a service added after that commit."""
    good = [one for one in found if one.good]
    if chosen := next((one for one in good if one.commit == commit), None):
        return chosen
    older = [one for one in good if one.commit and one.number < running.number]
    return None if older else next((one for one in good if not one.commit), None)


def _commits(of: Revisions) -> str:
    """Return the commits of revisions as text; for a first revision, its version."""
    return " ".join(sorted({one.commit or one.version for one in of.values()}))
