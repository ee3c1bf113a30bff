"""Remove what a stack's life leaves in the account although no stack owns it any more."""

from __future__ import annotations

from typing import Any

from delivery.errors import DeliveryError

DELETE_AT_ONCE = 10  # DeleteTaskDefinitions takes at most ten, says the ECS API reference


def task_definitions(ecs: Any, stack: str) -> int:  # noqa: ANN401 - boto3's clients have no static type
    """Delete the inactive task definition revisions of a stack's families.

    Pulumi deregisters revisions, which leaves them listed as INACTIVE; only revisions that carry the stack's
    own tags (`project: slipway` and `environment: <stack>`) are deleted, whatever else the account holds.

    Args:
        ecs: a boto3 `ecs` client.
        stack: the stack's name.

    Returns:
        How many revisions were deleted.

    Raises:
        DeliveryError: ECS refused to delete some, with its first reason.
    """
    pages = ecs.get_paginator("list_task_definitions").paginate(status="INACTIVE")
    arns = [arn for page in pages for arn in page["taskDefinitionArns"] if _of_stack(ecs, arn, stack)]
    for start in range(0, len(arns), DELETE_AT_ONCE):
        done = ecs.delete_task_definitions(taskDefinitions=arns[start : start + DELETE_AT_ONCE])
        for failure in done.get("failures", []):
            raise DeliveryError(f"ECS did not delete {failure['arn']}: {failure.get('reason')}; run it again")
    return len(arns)


def _of_stack(ecs: Any, arn: str, stack: str) -> bool:  # noqa: ANN401 - boto3's clients have no static type
    found = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
    tags = {tag["key"]: tag["value"] for tag in found.get("tags", [])}
    return tags.get("project") == "slipway" and tags.get("environment") == stack
