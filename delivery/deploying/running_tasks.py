"""What an ECS service really runs, asked of its tasks and of their task definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delivery.deploying import proof, revisions
from delivery.errors import DeliveryError
from delivery.release import indexing

if TYPE_CHECKING:
    from delivery.environment import Service
    from delivery.session import Session


class MixedError(DeliveryError):
    """A deployment is under way."""


def release(session: Session, service: Service) -> tuple[str, str]:
    """Tell which release every running task of a service has.

    Args:
        session: where.
        service: one of the environment's services.

    Returns:
        The image digest `sha256:...` (of an index: its own) and the version (`APP_VERSION`) of the tasks' container.

    Raises:
        MixedError: tasks run different releases (a deployment is under way).
        DeliveryError: no task is running.
    """
    ecs, cluster = session.ecs, session.environment.cluster
    name, container = service.ecs_service, service.container or service.name
    tasks = proof.running(ecs, cluster, name)
    if not tasks:
        raise DeliveryError(f"service {name!r} in cluster {cluster!r} runs no task; look at its events in ECS")
    found = {(proof.digest_of(task, container), task["taskDefinitionArn"]) for task in tasks}
    if len(found) != 1:
        raise MixedError(f"service {name!r} runs more than one release now; wait for its deployment to end")
    shown, definition = found.pop()
    revision = revisions.read(ecs, definition, container)
    part = shown != revision.digest and indexing.is_part(session.clients("ecr"), service, shown, revision.digest)
    return revision.digest if part else shown, revision.version
