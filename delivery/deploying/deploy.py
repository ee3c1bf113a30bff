"""Deploy: roll a release out to an environment, verify what is served, and put it back on failure.

The *template* of each service is its Pulumi-owned task definition family, so that what `pulumi up` changed (CPU,
environment variables) arrives with the next release. A deploy registers template, image digest and version as a
new release revision, updates the service and follows the service deployment that this begins; only SUCCESSFUL passes.

What a failure puts back is the *good* revision (`revisions.good`): the one that served before, if its
acceptance or smoke test passed; else, along the tags `slipway:replaces`, the last one of which that is true. It is a
release revision that is ACTIVE still, so that it is untouched by what happened to the template since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.limits import OTHERS_SECONDS
from delivery.deploying import canary, ecs_service, proof, registration, revisions
from delivery.deploying.mover import Move, Mover, expected
from delivery.errors import DeliveryError
from delivery.release import images, in_use
from delivery.release.manifest import BY_HAND

if TYPE_CHECKING:
    from delivery.environment import Service
    from delivery.release.manifest import Manifest
    from delivery.session import Session

QUICK_SECONDS = 10


def run(session: Session, manifest: Manifest) -> None:
    """Deploy a release.

    Args:
        session: where to.
        manifest: what.

    Raises:
        DeliveryError: the release cannot be deployed (nothing was touched), or it failed and what was put back.
    """
    _check(session, manifest)
    end = session.clock.now() + OTHERS_SECONDS
    for service in session.environment.services:
        _wait_for_others(session, service, end - session.clock.now())
    stale = [service for service in session.environment.services if not _is_current(session, service, manifest)]
    if not stale and _is_served(session):
        session.say(f"{session.stack}: {manifest.commit} is served already, with the present template; nothing to do")
        return
    if stale:
        # What runs it already, but never passed, was begun by a deploy that was killed: put back with the rest.
        stale += [
            one for one in session.environment.services if one not in stale and not revisions.current(session, one).good
        ]
    moves = [_move(session, service, manifest) for service in stale or session.environment.services]
    remedy = (
        f"finish it: delivery deploy --stack {session.stack} --commit {manifest.commit}, "
        f"or go back: delivery rollback --stack {session.stack}"
    )
    if manifest.execution == BY_HAND:  # in the pipeline `promote` marks what passed
        in_use.mark_release(session.clients, session.stack, manifest)
    Mover(session).move(moves, remedy)
    session.say(f"{session.stack}: {manifest.commit} is deployed")


def _check(session: Session, manifest: Manifest) -> None:
    """Reject a manifest that does not fit the environment, before anything is changed."""
    environment = session.environment
    have, want = {service.name for service in environment.services}, set(manifest.services)
    if have != want:
        raise DeliveryError(
            f"the release holds the services {', '.join(sorted(want)) or 'none'}, stack {environment.stack} has "
            f"{', '.join(sorted(have)) or 'none'}; bring the stack up with the same services, then build again"
        )
    for service in environment.services:
        image = manifest.services[service.name]
        if images.describe(session.clients("ecr"), service.repository, {"imageDigest": image.digest}) is None:
            raise DeliveryError(
                f"repository {service.repository!r} has no image {image.digest}; it was removed; build the commit again"
            )
        if ecs_service.describe(session, service)["desiredCount"] < 1:
            raise DeliveryError(
                f"service {service.ecs_service!r} is scaled to 0 tasks, so nothing could be proved; "
                f"set its desired_count to 1 or more and run: pulumi up -s {environment.stack}"
            )


def _wait_for_others(session: Session, service: Service, seconds: float) -> None:
    left = ecs_service.wait_until_over(session, service, seconds)
    if left and canary.of(ecs_service.describe(session, service)) and ecs_service.stop(session, service):
        left = ecs_service.wait_until_over(session, service, OTHERS_SECONDS)
    if left:
        session.say(
            f"{service.name}: the service deployment of {left['createdAt']:%H:%M:%S} is {left['status']} after "
            f"{OTHERS_SECONDS} s more; taking over"
        )


def _is_current(session: Session, service: Service, manifest: Manifest) -> bool:
    """Tell whether a service is already set to run this image with the current template."""
    ecs, now = session.ecs, revisions.current(session, service)
    template = revisions.read(ecs, service.template_family, now.container)
    image = manifest.services[service.name]
    wanted = registration.content(ecs, template, f"{service.repository_url}@{image.digest}", image)
    return registration.same(ecs, now, wanted)


def _is_served(session: Session) -> bool:
    """Tell whether every service is steady and verifiably serves what it is set to run."""
    environment = session.environment
    for service in environment.services:
        if not ecs_service.steady(ecs_service.describe(session, service)):
            return False
    wanted = [expected(service, revisions.current(session, service)) for service in environment.services]
    try:
        proof.prove(session, wanted, proof.Telling.now(session), QUICK_SECONDS)
    except DeliveryError as wrong:
        session.say(f"this release is set to run already, but: {wrong}; deploying it again")
        return False
    return True


def _move(session: Session, service: Service, manifest: Manifest) -> Move:
    """Register the release of a service."""
    ecs, now = session.ecs, revisions.current(session, service)
    back = revisions.good(ecs, now, service.release_family)
    if back is None:
        session.say(f"{service.name}: there is no good revision to put it back to if this fails")
    elif back.arn != now.arn:
        session.say(f"{service.name}: {now} was never accepted; if this fails, it is put back to {back}")
    template = revisions.read(ecs, service.template_family, now.container)
    made = registration.register(ecs, service, template, manifest, back)
    session.say(f"{service.name}: {made.name} is {template.name} with {manifest.services[service.name].digest}")
    return Move(service=service, to=made, back=back)
