"""A container's environment: plain variables, secrets from Secrets Manager and Parameter Store, Fargate's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.iam.authority import DeniedError
from localcloud.services.clients import client
from localcloud.services.ecs import secret_values
from localcloud.services.ecs.secret_values import ValuesError

if TYPE_CHECKING:
    from localcloud.context import Context
    from localcloud.state.table import Doc


def environment(ctx: Context, container: Doc, own: dict[str, str], starts: Doc | None) -> dict[str, str]:
    """Return a container's complete environment. Blocking.

    Args:
        ctx: the local cloud's context.
        container: the container definition.
        own: the variables by which it finds its metadata and the credentials of its role.
        starts: credentials of the task execution role.

    Raises:
        ValuesError: a secret or parameter cannot be read.
    """
    found = {"AWS_REGION": ctx.region, "AWS_DEFAULT_REGION": ctx.region, "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE"}
    found |= own
    found |= {pair["name"]: pair.get("value", "") for pair in container["environment"]}
    for secret in container.get("secrets", []):
        found[secret["name"]] = secret_values.value(ctx, secret["valueFrom"], starts)
    return found


def check_log_group(ctx: Context, options: dict[str, str], starts: Doc | None) -> None:
    """Check that the log group exists, creating it if the options include awslogs-create-group. Blocking.

    Raises:
        ValuesError: the log group does not exist, or the task execution role may not write to it.
    """
    group = options.get("awslogs-group", "")
    stream = f"log-group:{group}:log-stream:{options.get('awslogs-stream-prefix', '')}"
    creates = ["CreateLogGroup"] if options.get("awslogs-create-group") == "true" else []
    try:
        for action in (*creates, "CreateLogStream", "PutLogEvents"):
            if starts:
                ctx.iam.require(starts, f"logs:{action}", f"arn:aws:logs:{ctx.region}:{ctx.account}:{stream}")
    except DeniedError as error:
        text = f"failed to validate logger args: failed to create Cloudwatch log stream: AccessDeniedException: {error}"
        raise ValuesError(f"ResourceInitializationError: {text}") from error
    logs: Any = client(ctx, "logs")
    try:
        if options.get("awslogs-create-group") == "true":
            try:
                logs.create_log_group(logGroupName=group)
            except logs.exceptions.ResourceAlreadyExistsException:
                return
        found = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    except (ClientError, BotoCoreError) as error:
        raise ValuesError(f"ResourceInitializationError: failed to validate logger args: {error}") from error
    if not any(row["logGroupName"] == group for row in found):
        text = f"failed to validate logger args: The task cannot find the Amazon CloudWatch log group {group}"
        raise ValuesError(f"ResourceInitializationError: {text}")
