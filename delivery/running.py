"""What an ECS service really runs, asked of its tasks and of their task definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delivery import proof, revisions
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from delivery.clients import Client


class MixedError(DeliveryError):
    """A deployment is under way."""


def release(ecs: Client, cluster: str, service: str, container: str) -> tuple[str, str]:
    """Tell which release every running task of a service has.

    Args:
        ecs: a boto3 `ecs` client.
        cluster: the cluster's name or ARN.
        service: the ECS service's name.
        container: the name of the container that the service's image runs in (the first one where none has it).

    Returns:
        The image digest `sha256:...` and the version (`APP_VERSION`) of the tasks' container.

    Raises:
        MixedError: tasks run different releases (a deployment is under way).
        DeliveryError: no task is running.
    """
    tasks = proof.running(ecs, cluster, service)
    if not tasks:
        raise DeliveryError(f"service {service!r} in cluster {cluster!r} runs no task; look at its events in ECS")
    found = {(proof.digest_of(task, container), task["taskDefinitionArn"]) for task in tasks}
    if len(found) != 1:
        raise MixedError(f"service {service!r} runs more than one release now; wait for its deployment to end")
    digest, definition = found.pop()
    return digest, revisions.read(ecs, definition, container).version
