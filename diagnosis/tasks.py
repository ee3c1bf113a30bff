"""What ECS, the load balancer and CloudWatch Logs tell about tasks that did not come up."""

from __future__ import annotations

from typing import Any

Doc = dict[str, Any]

BATCH = 100
"""DescribeTasks takes at most so many."""
LINES = 20
WIDTH = 300
# Texts of `stoppedReason`, which has no code for these: the scheduler stopped a task that was not at fault, or that
# failed its health check (Amazon ECS Developer Guide, "Stopped tasks error messages").
NOT_AT_FAULT = ("Scaling activity initiated by", "Task stopped by user")
HEALTH = ("health check", "is unhealthy")
DENIED = "AccessDeniedException"


def last_failed(ecs: Any, cluster: str, service: str, of: str) -> Doc | None:  # noqa: ANN401 - a boto3 client
    """Return the task of a service that failed last, None if ECS remembers none; it does for about an hour.

    Args:
        ecs: a boto3 `ecs` client.
        cluster: name of the ECS cluster.
        service: name of the ECS service.
        of: ARN of the task definition of the task; empty for any.
    """
    found = failed(ecs, cluster, service, of)
    return max(found, key=lambda task: str(task.get("stoppedAt") or task.get("createdAt") or ""), default=None)


def failed(ecs: Any, cluster: str, service: str, of: str) -> list[Doc]:  # noqa: ANN401 - a boto3 client
    """Return the tasks of a service that failed, as far as ECS remembers them; the arguments are `last_failed`'s."""
    arns = ecs.list_tasks(cluster=cluster, serviceName=service, desiredStatus="STOPPED")["taskArns"][:BATCH]
    found = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
    found = [task for task in found if of in ("", task["taskDefinitionArn"])]
    badly = [task for task in found if not task.get("stoppedReason", "").startswith(NOT_AT_FAULT)]
    return [task for task in badly if task.get("stoppedReason") or any(map(_ended_badly, task["containers"]))]


def _ended_badly(container: Doc) -> bool:
    return bool(container.get("exitCode") or container.get("reason"))


def is_health_failure(task: Doc) -> bool:
    """Return whether a task was stopped for failing a health check."""
    return any(words in task.get("stoppedReason", "") for words in HEALTH)


def container(task: Doc, name: str) -> Doc:
    """Return a task's container of that name, or else its first."""
    found: Doc = next((one for one in task["containers"] if one["name"] == name), task["containers"][0])
    return found


def definition(ecs: Any, task: Doc) -> Doc:  # noqa: ANN401 - a boto3 client
    """Return a task's task definition."""
    found: Doc = ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])["taskDefinition"]
    return found


def last_lines(logs: Any, task: Doc, of: Doc, name: str) -> tuple[str, ...]:  # noqa: ANN401 - a boto3 client
    """Return the last lines that a task's container wrote to CloudWatch Logs.

    Args:
        logs: a boto3 `logs` client.
        task: the task.
        of: its task definition.
        name: of its container.

    Returns:
        The lines; a single one in parentheses if this principal may not read them; none if there are none.
    """
    declared = next(one for one in of["containerDefinitions"] if one["name"] == name)
    options = declared.get("logConfiguration", {}).get("options", {})
    if "awslogs-group" not in options:
        return ()
    stream = f"{options.get('awslogs-stream-prefix', '')}/{name}/{task['taskArn'].rpartition('/')[2]}"
    try:
        events = logs.get_log_events(
            logGroupName=options["awslogs-group"], logStreamName=stream, startFromHead=False, limit=LINES
        )["events"]
    except logs.exceptions.ResourceNotFoundException:
        return ()
    except logs.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != DENIED:
            raise
        return (f"(this role may not read {options['awslogs-group']}; read it with: delivery logs)",)
    lines = [line.rstrip()[:WIDTH] for event in events for line in event["message"].splitlines()]
    return tuple(line for line in lines if line)[-LINES:]


def unhealthy(elbv2: Any, ecs: Any, cluster: str, service: str) -> str:  # noqa: ANN401 - boto3 clients
    """Return why a service's targets fail the load balancer's health check; empty if none does.

    A target that is gone is found in the service's events, which hold the last hundred.
    """
    found = ecs.describe_services(cluster=cluster, services=[service])["services"]
    for group in target_groups(found[0]) if found else []:
        for row in elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]:
            health = row["TargetHealth"]
            if health["State"] == "unhealthy":
                return f"Task failed ELB health checks: {health.get('Description') or health.get('Reason', '')}"
    events = [event["message"] for event in found[0].get("events", [])] if found else []
    return next((text for text in events if "is unhealthy in" in text), "")


def target_groups(service: Doc) -> list[str]:
    """Return the ARNs of a service's target groups; with a canary the alternate ones too, either of which may serve."""
    found = []
    for balancer in service.get("loadBalancers", []):
        found.append(balancer["targetGroupArn"])
        if alternate := balancer.get("advancedConfiguration", {}).get("alternateTargetGroupArn"):
            found.append(alternate)
    return found
