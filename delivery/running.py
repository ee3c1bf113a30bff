"""What an ECS service really runs, asked of its tasks."""

from __future__ import annotations

from typing import Any

from delivery.errors import DeliveryError


def digest(ecs: Any, cluster: str, service: str) -> str:  # noqa: ANN401 - boto3's clients have no static type
    """Tell the image digest that every running task of a service has.

    Args:
        ecs: a boto3 `ecs` client.
        cluster: the cluster's name or ARN.
        service: the ECS service's name.

    Returns:
        `sha256:...` of the image of the tasks' first container.

    Raises:
        DeliveryError: no task is running, or tasks run different images (a deployment is under way).
    """
    arns = ecs.list_tasks(cluster=cluster, serviceName=service, desiredStatus="RUNNING")["taskArns"]
    if not arns:
        raise DeliveryError(f"service {service!r} in cluster {cluster!r} runs no task; look at its events in ECS")
    tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]
    digests = {task["containers"][0].get("imageDigest", "") for task in tasks}
    if len(digests) != 1 or not (found := digests.pop()):
        raise DeliveryError(f"service {service!r} runs more than one image now; wait for its deployment to end")
    return str(found)
