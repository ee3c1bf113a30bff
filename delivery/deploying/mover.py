"""Moving an environment's services to revisions, proving what is then served, and putting back what fails.

Both `deploy` and `rollback` are this, so that they cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from delivery.deploying import ecs_service, proof, revisions, rollout
from delivery.deploying.proof import Expected
from delivery.errors import DeliveryError, InterruptedDeliveryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from delivery.deploying.revisions import Revision
    from delivery.deploying.rollout import Rollout
    from delivery.environment import Service
    from delivery.session import Session

FAILURES = (DeliveryError, ClientError, BotoCoreError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """A service, the revision it is to run, and the good one to put it back to (None: there is none)."""

    service: Service
    to: Revision
    back: Revision | None


@dataclass(frozen=True, slots=True)
class Mover:
    """What moves an environment's services."""

    session: Session

    def move(self, moves: Sequence[Move], remedy: str) -> None:
        """Roll out all moves side by side, wait for all, prove the whole; put all back when one fails.

        Args:
            moves: a service each.
            remedy: the commands that repair what an interruption leaves.

        Raises:
            DeliveryError: with ECS's reason, or with what is wrongly served, and what was put back.
            InterruptedDeliveryError: by the user or a signal; ECS goes on with what was begun.
        """
        try:
            try:
                rollout.follow([self._begin(move.service, move.to) for move in moves])
                self._prove({move.service.name: move.to for move in moves})
            except FAILURES as failure:
                self.session.say(f"failed: {failure}")
                outcome = self.put_back(moves)
                raise DeliveryError(f"{failure}; {outcome}") from failure
        except KeyboardInterrupt as stop:
            left = ", ".join(f"{move.service.name} to {move.to.name}" for move in moves)
            raise InterruptedDeliveryError(
                f"interrupted: ECS goes on by itself ({left}), and goes back by itself if the tasks fail; {remedy}"
            ) from stop

    def put_back(self, moves: Sequence[Move]) -> str:
        """Put services back to their good revisions and prove that these are served.

        A service that a newer deploy has taken over meanwhile is left to that. One that cannot be put back keeps none
        of the others from it.

        Returns:
            What serves now, for people.

        Raises:
            DeliveryError: it could not be put back, with what stands now.
        """
        ours = [move for move in moves if not self._taken_over(move)]
        try:
            self._restore_all(ours)
            self._prove_or_force(ours)
        except FAILURES as failure:
            raise DeliveryError(
                f"putting back failed: {failure}; look at: delivery logs --stack {self.session.stack}, "
                f"then repair: delivery rollback --stack {self.session.stack}"
            ) from failure
        for move in ours:
            revisions.note(self.session.ecs, move.to, "failed")
        told = [f"{move.service.name} serves {move.back}" for move in ours if move.back]
        told += [f"{move.service.name} is left to a newer deploy" for move in moves if move not in ours]
        return f"put back: {', '.join(told)}"

    def _begin(self, service: Service, to: Revision) -> Rollout:
        self.session.say(f"{service.name}: rolling out {to}")
        return rollout.begin(self.session, service, to.arn)

    def _taken_over(self, move: Move) -> bool:
        now = revisions.current(self.session, move.service)
        same = now.definition["family"] == move.to.definition["family"]
        return same and now.number > max(move.to.number, move.back.number if move.back else 0)

    def _restore_all(self, moves: Sequence[Move]) -> None:
        """Let ECS go back where it still can, side by side, and roll the good ones out where it did not.

        Raises:
            DeliveryError, ClientError, BotoCoreError: the first failure, after the others were put back.
        """
        end = self.session.clock.now() + rollout.BACK_SECONDS
        begun: list[Rollout] = []
        failures: list[Exception] = []
        stopped = [(move, ecs_service.stop(self.session, move.service)) for move in moves]
        for move, goes_back in stopped:
            try:
                if goes_back:
                    ecs_service.wait_until_over(self.session, move.service, end - self.session.clock.now())
                if one := self._restore(move):
                    begun.append(one)
            except FAILURES as failure:
                failures.append(failure)
        for one in begun:
            try:
                rollout.follow([one], rollout.BACK_SECONDS)
            except FAILURES as failure:
                failures.append(failure)
        if failures:
            raise failures[0]

    def _restore(self, move: Move) -> Rollout | None:
        """Begin the rollout that brings the good revision, where ECS did not."""
        now = revisions.current(self.session, move.service)
        if move.back is None:
            if now.arn == move.to.arn:
                raise DeliveryError(f"{move.service.name} has no good revision to go back to and stays at {now}")
            return None
        return None if now.arn == move.back.arn else self._begin(move.service, move.back)

    def _prove_or_force(self, moves: Sequence[Move]) -> None:
        """Prove what is served; where ECS left a service unwell, replace its tasks, and prove again."""
        wanted = {move.service.name: move.back for move in moves if move.back}
        try:
            self._prove(wanted)
        except DeliveryError as wrong:
            self.session.say(f"not right yet: {wrong}")
            again = [self._begin(move.service, move.back) for move in moves if move.back]
            rollout.follow(again, rollout.BACK_SECONDS)
            self._prove(wanted)

    def _prove(self, wanted: dict[str, Revision]) -> None:
        """Prove that services run the wanted revisions, and those that are not named what they are set to run."""
        served = [
            expected(service, wanted.get(service.name) or revisions.current(self.session, service))
            for service in self.session.environment.services
        ]
        proof.prove(self.session, served)


def expected(service: Service, revision: Revision) -> Expected:
    """Return what a service on a revision must serve."""
    version = revision.version
    return Expected(service=service, revision=revision.arn, digest=revision.digest, version=version)
