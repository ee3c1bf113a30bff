"""A container's environment: plain variables, secrets from Secrets Manager and Parameter Store, Fargate's own."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.iam import sessions
from localcloud.iam.authority import DeniedError
from localcloud.iam.names import Names
from localcloud.iam.operation_resources import parameter_arn
from localcloud.services.clients import client

if TYPE_CHECKING:
    from localcloud.context import Context
    from localcloud.state.table import Doc

SECRETS_MANAGER = ":secretsmanager:"
FIELDS_OF_ARN = 7
ENCRYPTED = "ENCRYPTED:"


class ValuesError(Exception):
    """A secret or log group is not available; the message is the task's stopped reason as on AWS."""


def environment(ctx: Context, container: Doc, own: Doc | None, starts: Doc | None) -> dict[str, str]:
    """Return a container's complete environment. Blocking.

    Args:
        ctx: the local cloud's context.
        container: the container definition.
        own: credentials of the task role; None if the task has none, and so may not call AWS.
        starts: credentials of the task execution role.

    Raises:
        ValuesError: a secret or parameter cannot be read.
    """
    found = {"AWS_REGION": ctx.region, "AWS_DEFAULT_REGION": ctx.region, "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE"}
    if own:  # on AWS served at AWS_CONTAINER_CREDENTIALS_RELATIVE_URI
        found |= {"AWS_ENDPOINT_URL": ctx.container_endpoint} | sessions.variables(own)
    found |= {pair["name"]: pair.get("value", "") for pair in container["environment"]}
    for secret in container.get("secrets", []):
        try:
            found[secret["name"]] = value(ctx, secret["valueFrom"], starts)
        except (ClientError, BotoCoreError, ValueError, KeyError, DeniedError) as error:
            text = f"unable to pull secrets or registry auth: unable to retrieve {secret['valueFrom']}: {error}"
            raise ValuesError(f"ResourceInitializationError: {text}") from error
    return found


def value(ctx: Context, source: str, starts: Doc | None) -> str:
    """Return the value of a `valueFrom`: a secret (or one JSON key of it) or a parameter. Blocking.

    Raises:
        DeniedError: the task execution role may not read it.
    """
    if SECRETS_MANAGER not in source:
        name = source.partition(":parameter/")[2]
        asked = f"/{name}" if name else source
        if starts:
            ctx.iam.require(
                starts, "ssm:GetParameters", parameter_arn(asked, Names(account=ctx.account, region=ctx.region))
            )
        return plain(parameter(ctx, asked, name))
    parts = source.split(":")
    key, stage, version = [*parts[FIELDS_OF_ARN:], "", "", ""][:3]
    arguments = {"SecretId": ":".join(parts[:FIELDS_OF_ARN])}
    arguments |= {"VersionStage": stage} if stage else {}
    arguments |= {"VersionId": version} if version else {}
    api = client(ctx, "secretsmanager")
    if starts:
        found = api.describe_secret(SecretId=arguments["SecretId"])["ARN"]
        ctx.iam.require(starts, "secretsmanager:GetSecretValue", found)
    text: str = api.get_secret_value(**arguments)["SecretString"]
    if not key:
        return text
    part = json.loads(text)[key]
    return part if isinstance(part, str) else json.dumps(part)


def parameter(ctx: Context, name: str, bare: str) -> str:
    """Return a parameter's value; its ARN does not show whether the name begins with a slash, so both are tried."""
    ssm: Any = client(ctx, "ssm")
    try:
        return str(ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        if not bare:
            raise
        return str(ssm.get_parameter(Name=bare, WithDecryption=True)["Parameter"]["Value"])


def plain(text: str) -> str:
    """Remove the marker with which the emulated Parameter Store wraps secure strings."""
    return base64.b64decode(text.removeprefix(ENCRYPTED)).decode() if text.startswith(ENCRYPTED) else text


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
