"""Deploy: make an environment serve a release, prove that it does, and put it back where it does not.

The *template* of each service is its Pulumi-owned task definition family, so that what `pulumi up` changed (CPU,
environment variables) arrives with the next release. A deploy registers template, image digest and version as a
new release revision, updates the service and follows the service deployment that this begins; only SUCCESSFUL passes.

What a failure puts back is the *good* revision (`delivery.revisions.good`): the one that served before, if its
acceptance or smoke test passed; else, along the tags `slipway:replaces`, the last one of which that is true. It is a
release revision that is ACTIVE still, so that it is untouched by what happened to the template since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from delivery import images, proof, revisions, rollout
from delivery.errors import DeliveryError
from delivery.moving import Move, Mover, expected

if TYPE_CHECKING:
    from delivery.clients import Clients
    from delivery.console import Progress
    from delivery.environment import Environment, Service
    from delivery.manifest import Manifest

OTHERS_SECONDS = 120  # how long a deployment that someone else began is waited for, before it is taken over
QUICK_SECONDS = 10


def run(clients: Clients, environment: Environment, manifest: Manifest, say: Progress) -> None:
    """Deploy a release.

    Args:
        clients: from AWS service name to boto3 client.
        environment: where to.
        manifest: what.
        say: takes progress lines.

    Raises:
        DeliveryError: the release cannot be deployed (nothing was touched), or it failed and what was put back.
    """
    _check(clients, environment, manifest)
    mover = Mover(clients=clients, environment=environment, say=say)
    for service in environment.services:
        _wait_for_others(clients, environment, service, say)
    stale = [service for service in environment.services if not _is_current(mover, service, manifest)]
    if not stale and _is_served(mover):
        say(f"{environment.stack}: {manifest.commit} is served already, with the present template; nothing to do")
        return
    if stale:
        # What runs it already, but never passed, was begun by a deploy that was killed: put back with the rest.
        stale += [one for one in environment.services if one not in stale and not mover.running(one).good]
    moves = [_move(mover, service, manifest) for service in stale or environment.services]
    remedy = (
        f"finish it: delivery deploy --stack {environment.stack} --commit {manifest.commit}, "
        f"or go back: delivery rollback --stack {environment.stack}"
    )
    mover.move(moves, remedy)
    say(f"{environment.stack}: {manifest.commit} is deployed")


def _check(clients: Clients, environment: Environment, manifest: Manifest) -> None:
    """Refuse a manifest that does not fit, before anything is touched."""
    have, want = {service.name for service in environment.services}, set(manifest.services)
    if have != want:
        raise DeliveryError(
            f"the release holds the services {', '.join(sorted(want)) or 'none'}, stack {environment.stack} has "
            f"{', '.join(sorted(have)) or 'none'}; bring the stack up with the same services, then build again"
        )
    for service in environment.services:
        image = manifest.services[service.name]
        if images.describe(clients("ecr"), service.repository, {"imageDigest": image.digest}) is None:
            raise DeliveryError(
                f"repository {service.repository!r} has no image {image.digest}; it was removed; build the commit again"
            )
        held = rollout.described(clients("ecs"), environment.cluster, service.ecs_service)
        if held["desiredCount"] < 1:
            raise DeliveryError(
                f"service {service.ecs_service!r} is scaled to 0 tasks, so nothing could be proved; "
                f"set its desired_count to 1 or more and run: pulumi up -s {environment.stack}"
            )


def _wait_for_others(clients: Clients, environment: Environment, service: Service, say: Progress) -> None:
    left = rollout.wait_until_over(clients("ecs"), environment, service, say, OTHERS_SECONDS)
    if left:
        say(
            f"{service.name}: the service deployment of {left['createdAt']:%H:%M:%S} is {left['status']} after "
            f"{OTHERS_SECONDS} s more; taking over"
        )


def _is_current(mover: Mover, service: Service, manifest: Manifest) -> bool:
    """Tell whether a service is set to run exactly this image with the present template."""
    ecs, running = mover.clients("ecs"), mover.running(service)
    template = revisions.read(ecs, service.template_family, running.container)
    image = manifest.services[service.name]
    wanted = revisions.content(ecs, template, f"{service.repository_url}@{image.digest}", image)
    return revisions.same(ecs, running, wanted)


def _is_served(mover: Mover) -> bool:
    """Tell whether every service is steady and proved to serve what it is set to run."""
    ecs, environment = mover.clients("ecs"), mover.environment
    for service in environment.services:
        if not rollout.steady(rollout.described(ecs, environment.cluster, service.ecs_service)):
            return False
    wanted = [expected(service, mover.running(service)) for service in environment.services]
    try:
        proof.prove(mover.clients, environment, wanted, mover.say, QUICK_SECONDS)
    except DeliveryError as wrong:
        mover.say(f"this release is set to run already, but: {wrong}; deploying it again")
        return False
    return True


def _move(mover: Mover, service: Service, manifest: Manifest) -> Move:
    """Register the release of a service."""
    ecs, running = mover.clients("ecs"), mover.running(service)
    back = revisions.good(ecs, running, service.release_family)
    if back is None:
        mover.say(f"{service.name}: there is no good revision to put it back to if this fails")
    elif back.arn != running.arn:
        mover.say(f"{service.name}: {running} was never accepted; if this fails, it is put back to {back}")
    template = revisions.read(ecs, service.template_family, running.container)
    made = revisions.register(ecs, service, template, manifest, back)
    mover.say(f"{service.name}: {made.name} is {template.name} with {manifest.services[service.name].digest}")
    return Move(service=service, to=made, back=back)
