"""The mover: rolls services out to revisions, verifies what is served, and puts them back on failure.

Both `deploy` and `rollback` are this, so that they cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from delivery.deploying import canary, ecs_service, proof, revisions, rollout
from delivery.deploying.proof import Expected, Telling
from delivery.errors import DeliveryError, FailedReleaseError, InterruptedDeliveryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from delivery.deploying.revisions import Revision
    from delivery.deploying.rollout import Rollout
    from delivery.environment import Service
    from delivery.session import Session

FAILURES = (DeliveryError, ClientError, BotoCoreError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """A service, its target revision, and the good revision to put it back to (None if there is none)."""

    service: Service
    to: Revision
    back: Revision | None


@dataclass(frozen=True, slots=True)
class Mover:
    """Moves the services of an environment between revisions."""

    session: Session

    def move(self, moves: Sequence[Move], remedy: str, *, back: bool = False) -> None:
        """Roll out all moves concurrently, wait for them, verify the whole; put all back if one fails.

        Args:
            moves: a service each.
            remedy: the commands that repair what an interruption leaves.
            back: whether to earlier releases, which get all requests at once with a canary, too.

        Raises:
            DeliveryError: with ECS's reason, or with what is wrongly served, and what was put back.
            InterruptedDeliveryError: by the user or a signal; ECS goes on with what was begun.
        """
        telling, forward = Telling.now(self.session), True
        try:
            try:
                rollout.follow([self._begin(move.service, move.to, quick=back) for move in moves])
                proofs = self._prove({move.service.name: move.to for move in moves}, telling)
                for move in moves:
                    revisions.note_proof(self.session.ecs, move.to, proofs[move.service.name])
            except FAILURES as failure:
                self.session.say(f"failed: {failure}")
                forward = False
                outcome = self.put_back(moves, telling)
                raise FailedReleaseError(failure, outcome) from failure
        except KeyboardInterrupt as stop:
            ended = self._end_canaries(moves) if forward else []
            texts = [
                (ended, "ECS rolls back ({}), and all requests go to what served before"),
                (
                    [one for one in moves if one not in ended],
                    "ECS goes on by itself ({}), and goes back by itself if the tasks fail",
                ),
            ]
            told = [
                text.format(", ".join(f"{move.service.name} to {move.to.name}" for move in some))
                for some, text in texts
                if some
            ]
            raise InterruptedDeliveryError(f"interrupted: {'; '.join(told)}; {remedy}") from stop

    def _end_canaries(self, moves: Sequence[Move]) -> list[Move]:
        """Have ECS roll back the canaries under way, which nobody would end if their tasks fail; return which."""
        ended = []
        for move in moves:
            try:
                if canary.of(ecs_service.describe(self.session, move.service)):
                    ended += [move] if ecs_service.stop(self.session, move.service) else []
            except FAILURES as failure:
                self.session.say(f"{move.service.name}: its canary cannot be ended: {failure}")
        return ended

    def put_back(self, moves: Sequence[Move], telling: Telling | None = None) -> str:
        """Put services back to their good revisions and verify that these are served.

        A service that a newer deploy has taken over meanwhile is left to that. One that cannot be put back keeps none
        of the others from it.

        Args:
            moves: a service each.
            telling: the services that have to tell their version; None for those whose revision was proved by it.

        Returns:
            What serves now, for people.

        Raises:
            DeliveryError: it could not be put back, with what stands now.
        """
        ours = [move for move in moves if not self._taken_over(move)]
        try:
            self._restore_all(ours)
            self._prove_or_force(ours, telling or self._told_before(ours))
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

    def _told_before(self, moves: Sequence[Move]) -> Telling:
        """Return the services whose good revision was proved by its version."""
        proofs = {move.service.name: move.back.tags.get(revisions.PROOF, "") for move in moves if move.back}
        return Telling(frozenset(name for name, told in proofs.items() if proof.VERSION in told))

    def _begin(self, service: Service, to: Revision, *, quick: bool = True) -> Rollout:
        self.session.say(f"{service.name}: rolling out {to}")
        return rollout.begin(self.session, service, to, quick=quick)

    def _taken_over(self, move: Move) -> bool:
        now = revisions.current(self.session, move.service)
        same = now.definition["family"] == move.to.definition["family"]
        return same and now.number > max(move.to.number, move.back.number if move.back else 0)

    def _restore_all(self, moves: Sequence[Move]) -> None:
        """Let ECS roll back where it still can, and roll out the good revisions where it did not.

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
        """Begin the rollout of the good revision, unless ECS has already restored it."""
        now = revisions.current(self.session, move.service)
        if move.back is None:
            if now.arn == move.to.arn:
                raise DeliveryError(f"{move.service.name} has no good revision to go back to and stays at {now}")
            return None
        return None if now.arn == move.back.arn else self._begin(move.service, move.back)

    def _prove_or_force(self, moves: Sequence[Move], telling: Telling) -> None:
        """Verify what is served; if ECS left a service unhealthy, replace its tasks and verify again."""
        wanted = {move.service.name: move.back for move in moves if move.back}
        try:
            self._prove(wanted, telling)
        except DeliveryError as wrong:
            self.session.say(f"not right yet: {wrong}")
            again = [self._begin(move.service, move.back) for move in moves if move.back]
            rollout.follow(again, rollout.BACK_SECONDS)
            self._prove(wanted, telling)

    def _prove(self, wanted: dict[str, Revision], telling: Telling) -> dict[str, str]:
        """Verify that services serve the wanted revisions, and the remaining ones what they are set to run."""
        served = [
            expected(service, wanted.get(service.name) or revisions.current(self.session, service))
            for service in self.session.environment.services
        ]
        return proof.prove(self.session, served, telling)


def expected(service: Service, revision: Revision) -> Expected:
    """Return what a service must serve on a revision."""
    version = revision.version
    return Expected(service=service, revision=revision.arn, digest=revision.digest, version=version)
