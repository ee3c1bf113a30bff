"""What an ECS service really runs, asked of its tasks and of their task definition."""

from __future__ import annotations

from typing import Any

from delivery.errors import DeliveryError


def release(ecs: Any, cluster: str, service: str) -> tuple[str, str]:  # noqa: ANN401 - boto3's clients have no type
    """Tell which release every running task of a service has.

    Args:
        ecs: a boto3 `ecs` client.
        cluster: the cluster's name or ARN.
        service: the ECS service's name.

    Returns:
        The image digest `sha256:...` and the version (`APP_VERSION`) of the tasks' first container.

    Raises:
        DeliveryError: no task is running, or tasks run different releases (a deployment is under way).
    """
    arns = ecs.list_tasks(cluster=cluster, serviceName=service, desiredStatus="RUNNING")["taskArns"]
    if not arns:
        raise DeliveryError(f"service {service!r} in cluster {cluster!r} runs no task; look at its events in ECS")
    tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]
    found = {(task["containers"][0].get("imageDigest", ""), task["taskDefinitionArn"]) for task in tasks}
    if len(found) != 1:
        raise DeliveryError(f"service {service!r} runs more than one release now; wait for its deployment to end")
    digest, definition = found.pop()
    container = ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]["containerDefinitions"][0]
    variables = {pair["name"]: pair["value"] for pair in container.get("environment", [])}
    return str(digest), variables.get("APP_VERSION", "")
