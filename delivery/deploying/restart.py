"""Restart: replace the tasks of services by new ones of the same release, such as after the password was rotated.

Tasks read their secrets when they start (ECS developer guide, "Pass Secrets Manager secrets through Amazon ECS
environment variables"): a forced deployment of the same task definition is how they read them again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from delivery.deploying import ecs_service, proof, revisions, rollout
from delivery.deploying.mover import expected
from delivery.errors import DeliveryError, InterruptedDeliveryError

if TYPE_CHECKING:
    from delivery.environment import Service
    from delivery.session import Session


def run(session: Session, name: str) -> None:
    """Replace the tasks of all services of an environment, or of one, and verify what is served.

    Args:
        session: where.
        name: of the service; empty for all.

    Raises:
        DeliveryError: there is no such service, it has no task, a deployment is under way, or the new tasks do not
            come up or do not serve; the release stays in any case, and ECS keeps the old tasks until new ones are
            healthy.
        InterruptedDeliveryError: by the user or a signal; ECS goes on with what was begun.
    """
    services = _chosen(session, name)
    for service in services:
        _check(session, service)
    telling = proof.Telling.now(session)
    try:
        begun = []
        for service in services:
            now = revisions.current(session, service)
            session.say(f"{service.name}: replacing the tasks of {now}")
            begun.append(rollout.begin(session, service, now))
        rollout.follow(begun)
        every = session.environment.services
        proof.prove(session, [expected(one, revisions.current(session, one)) for one in every], telling)
    except KeyboardInterrupt as stop:
        raise InterruptedDeliveryError(
            f"interrupted: ECS goes on by itself, and keeps the tasks that run until new ones are healthy; follow it: "
            f"delivery status --stack {session.stack}"
        ) from stop
    session.say(f"{session.stack}: the tasks of {', '.join(one.name for one in services)} are new")


def _chosen(session: Session, name: str) -> list[Service]:
    services = {service.name: service for service in session.environment.services}
    if name and name not in services:
        raise DeliveryError(f"stack {session.stack} has no service {name!r}; it has {', '.join(sorted(services))}")
    return [services[name]] if name else list(services.values())


def _check(session: Session, service: Service) -> None:
    """Refuse what could not be followed to its end, before anything is replaced."""
    if ecs_service.describe(session, service)["desiredCount"] < 1:
        raise DeliveryError(f"service {service.name} is scaled to 0 tasks, so there is none to replace")
    if left := ecs_service.under_way(session, service):
        raise DeliveryError(
            f"{service.name}: a service deployment of {left['createdAt']:%H:%M:%S} is {left['status']}; wait "
            f"until it is over: delivery status --stack {session.stack}"
        )
