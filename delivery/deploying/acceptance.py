"""Acceptance: each service's own test suite, run from outside against the environment's URL.

What is tested is asserted before and after the suite: every task runs the expected image, and the url tells its
version. So a deploy in between cannot lend its name to what was tested.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.images import ACCEPTED, SUITE
from contract.limits import SUITES_SECONDS
from delivery.deploying import revisions, running_tasks
from delivery.deploying.mover import Move, Mover
from delivery.deploying.proof import Telling, wrong_from_outside
from delivery.deploying.revisions import current
from delivery.deploying.suite import Suite
from delivery.errors import DeliveryError, FailedReleaseError, InterruptedDeliveryError
from delivery.release import images

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_ecr import ECRClient
    from types_boto3_ecs import ECSClient

    from delivery.deploying.revisions import Revision
    from delivery.environment import Environment, Service
    from delivery.release.manifest import Manifest
    from delivery.session import Session

ANSWERS_SECONDS = 15


class WrongReleaseError(DeliveryError):
    """The environment runs a different release than the one under test, so it must not be put back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Acceptance:
    """An acceptance run.

    `manifest` is the release that must be served (None: whatever is). `root` is the folder that image contexts are
    relative to, `reports` the one for JUnit results, a sub-folder per service. With `safe_only` only tests that change
    nothing run.
    """

    session: Session
    manifest: Manifest | None
    root: Path
    reports: Path
    safe_only: bool

    @property
    def environment(self) -> Environment:
        """The environment that is tested."""
        return self.session.environment

    def run(self, *, put_back: bool) -> None:
        """Run the suites of all services and record on the release revisions that they passed.

        By hand, without a manifest, the full suite also tags the images `accepted-`; in the pipeline `promote` does.

        Args:
            put_back: put the environment back to the good revision when a suite fails.

        Raises:
            DeliveryError: a suite failed or could not be built, or another release is served; nothing is marked.
        """
        tested, telling = self._serves(), Telling.now(self.session)
        # What the step's own time limit ends puts nothing back.
        until = self.session.clock.now() + SUITES_SECONDS if put_back else math.inf
        try:
            self._answers(tested, telling)
            for service in self.environment.services:
                self._suite(service, until).run(*tested[service.name])
            self._answers(tested, telling)
            self._still(tested)
        except KeyboardInterrupt as stop:
            raise InterruptedDeliveryError(
                f"interrupted: {self.environment.stack} serves what it served, untested; run it again, "
                f"or go back: delivery rollback --stack {self.environment.stack}"
            ) from stop
        except WrongReleaseError:
            raise
        except DeliveryError as failure:
            if not put_back:
                raise
            self.session.say(f"failed: {failure}")
            raise FailedReleaseError(failure, self._put_back(tested)) from failure
        self._note(tested)

    def _serves(self) -> dict[str, tuple[str, str]]:
        """Return the digest and version that each service runs, after checking them against the manifest."""
        found = {}
        for service in self.environment.services:
            digest, version = running_tasks.release(self.session, service)
            if self.manifest:
                wanted = self.manifest.services.get(service.name)
                if wanted is None or (wanted.digest, wanted.version) != (digest, version):
                    raise WrongReleaseError(
                        f"{service.name} in {self.environment.stack} runs {version} ({digest}), not "
                        f"{wanted.version if wanted else 'any image'} of the release; it was deployed to since, or put "
                        f"back: deploy the release again (in the pipeline: delivery retry --all)"
                    )
            found[service.name] = (digest, version)
        return found

    def _still(self, tested: dict[str, tuple[str, str]]) -> None:
        try:
            same = self._serves() == tested
        except running_tasks.MixedError:
            same = False
        if not same:
            raise WrongReleaseError(f"{self.environment.stack} was deployed to while it was tested; run it again")

    def _answers(self, tested: dict[str, tuple[str, str]], telling: Telling) -> None:
        """Check that each service reports the version and digest under test, or else answers as it has to."""
        wanted = {name: (version, digest) for name, (digest, version) in tested.items()}
        end = self.session.clock.now() + ANSWERS_SECONDS
        while wrong := wrong_from_outside(self.session, wanted, telling):
            if self.session.clock.now() > end:
                raise DeliveryError(wrong)
            self.session.clock.sleep(1)

    def _suite(self, service: Service, until: float) -> Suite:
        return Suite(
            session=self.session,
            service=service,
            root=self.root,
            reports=self.reports,
            safe_only=self.safe_only,
            until=until,
            pushed=self.manifest.services[service.name].suite if self.manifest else "",
        )

    def _note(self, tested: dict[str, tuple[str, str]]) -> None:
        for service in self.environment.services:
            digest = tested[service.name][0]
            revisions.note(self.session.ecs, current(self.session, service), "passed")
            if self.manifest is None and not self.safe_only:
                tag = mark(self.session.clients("ecr"), service.repository, digest)
                self.session.say(f"{service.name}: {digest} is tagged {tag}")

    def _put_back(self, tested: dict[str, tuple[str, str]]) -> str:
        """Put services back to what they replaced, unless another deploy has taken over; return the outcome.

        A service whose revision was good before was not changed by this release, and stays: unless all were.
        """
        ecs = self.session.ecs
        running = [(service, current(self.session, service)) for service in self.environment.services]
        for service, bad in running:
            if bad.digest != tested[service.name][0]:
                return f"{service.name} is not put back: it was deployed to meanwhile and runs {bad}"
        moves: list[Move] = []
        for service, bad in [pair for pair in running if not pair[1].good] or running:
            back = before(ecs, bad, service.release_family)
            if back is None:
                return f"{service.name} is not put back: {bad} replaced no good revision"
            moves.append(Move(service=service, to=bad, back=back))
        return Mover(self.session).put_back(moves)


def before(ecs: ECSClient, bad: Revision, family: str) -> Revision | None:
    """Return the good revision that a revision replaced, None if it replaced none."""
    held = bad.tags.get(revisions.REPLACES)
    try:
        return revisions.good(ecs, revisions.read(ecs, held, bad.container), family) if held else None
    except DeliveryError:  # deleted since
        return next((one for one in revisions.newest_first(ecs, family, bad.container) if one.passed), None)


def mark(ecr: ECRClient, repository: str, digest: str) -> str:
    """Tag an image as accepted, as production requires; idempotent.

    Args:
        ecr: a boto3 `ecr` client.
        repository: the repository's name.
        digest: `sha256:...` of the image.

    Returns:
        The tag: `accepted-` and what follows the first dash of the tag that the image was pushed under.

    Raises:
        DeliveryError: the repository has no such image, or it has no tag to derive the name from.
    """
    if images.describe(ecr, repository, {"imageDigest": digest}) is None:
        raise DeliveryError(f"repository {repository!r} has no image {digest}; it was removed while it ran")
    tags = images.tags_of(ecr, repository, digest)
    if done := [tag for tag in tags if tag.startswith(ACCEPTED)]:
        return done[0]
    pushed = [tag for tag in tags if "-" in tag and not tag.endswith(SUITE)]
    if not pushed:
        raise DeliveryError(f"image {digest} in {repository!r} has no tag like content-<hash> or candidate-<commit>")
    tag = ACCEPTED + pushed[0].split("-", 1)[1]
    images.mark(ecr, repository, digest, tag)
    return tag
