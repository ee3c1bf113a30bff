"""What an ECS service really runs, asked of its tasks and of their task definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delivery.deploying import revisions
from delivery.errors import DeliveryError
from delivery.release import indexing

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient
    from types_boto3_ecs.type_defs import TaskTypeDef

    from delivery.environment import Service
    from delivery.session import Session

BATCH = 100  # DescribeTasks takes at most so many


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
    tasks = of_service(ecs, cluster, name)
    if not tasks:
        raise DeliveryError(f"service {name!r} in cluster {cluster!r} runs no task; look at its events in ECS")
    found = {(digest_of(task, container), task["taskDefinitionArn"]) for task in tasks}
    if len(found) != 1:
        raise MixedError(f"service {name!r} runs more than one release now; wait for its deployment to end")
    shown, definition = found.pop()
    revision = revisions.read(ecs, definition, container)
    part = shown != revision.digest and indexing.is_part(session.clients("ecr"), service, shown, revision.digest)
    return revision.digest if part else shown, revision.version


def of_service(ecs: ECSClient, cluster: str, service: str) -> list[TaskTypeDef]:
    """Return the tasks of a service that run and are meant to; none that is only coming up."""
    pages = ecs.get_paginator("list_tasks").paginate(cluster=cluster, serviceName=service, desiredStatus="RUNNING")
    arns = [arn for page in pages for arn in page["taskArns"]]
    starts = range(0, len(arns), BATCH)
    return [
        task
        for start in starts
        for task in ecs.describe_tasks(cluster=cluster, tasks=arns[start : start + BATCH])["tasks"]
        if task["lastStatus"] == "RUNNING"
    ]


def digest_of(task: TaskTypeDef, container: str) -> str:
    """Return the digest of the image that a task's container really runs, empty where ECS does not show it."""
    found = next((each for each in task["containers"] if each["name"] == container), task["containers"][0])
    return str(found.get("imageDigest", ""))
