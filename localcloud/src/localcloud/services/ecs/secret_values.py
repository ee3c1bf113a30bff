"""The values of a container's `secrets`, read with the rights of the task execution role. Blocking."""

from __future__ import annotations

import base64
import json
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.iam.authority import DeniedError
from localcloud.iam.names import Names
from localcloud.iam.operation_resources import parameter_arn
from localcloud.services import decryption
from localcloud.services.clients import client

if TYPE_CHECKING:
    from localcloud.context import Context
    from localcloud.state.table import Doc

SECRETS_MANAGER = ":secretsmanager:"
FIELDS_OF_ARN = 7
ENCRYPTED = "ENCRYPTED:"
RETRIEVAL = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed:"
RETRIED = "service call has been retried 1 time(s):"


class ValuesError(Exception):
    """A secret or log group is not available; the message is the task's stopped reason as on AWS."""


def value(ctx: Context, source: str, starts: Doc | None) -> str:
    """Return the value of a `valueFrom`: a secret (or one JSON key of it) or a parameter.

    Args:
        ctx: the local cloud.
        source: the `valueFrom`.
        starts: credentials of the task execution role.

    Raises:
        ValuesError: it does not exist, or the role may not read it or not decrypt by its key.
    """
    read, retrieval, operation = (
        (secret, f"unable to retrieve secret from asm: {RETRIED} failed to fetch secret {source} from secrets manager:",
         "Secrets Manager: GetSecretValue")
        if SECRETS_MANAGER in source
        else (parameter, f"unable to retrieve secrets from ssm: {RETRIED}", "SSM: GetParameters")
    )  # fmt: skip
    try:
        return read(ctx, source, starts)
    except DeniedError as error:
        failed = f"api error AccessDeniedException: {error}"
    except ClientError as error:
        failed = f"api error {error.response['Error']['Code']}: {error.response['Error']['Message']}"
    except (BotoCoreError, ValueError) as error:
        raise ValuesError(f"{RETRIEVAL} {retrieval} {error}") from error
    told = f"operation error {operation}, https response error StatusCode: 400, RequestID: {uuid.uuid4()}, {failed}"
    raise ValuesError(f"{RETRIEVAL} {retrieval} {told}")


def secret(ctx: Context, source: str, starts: Doc | None) -> str:
    """Return a secret's text, or the value of one of its JSON keys.

    Raises:
        DeniedError: the role may not read it, or not decrypt by its key.
        ValueError: it has no such key.
    """
    parts = source.split(":")
    key, stage, version = [*parts[FIELDS_OF_ARN:], "", "", ""][:3]
    arguments = {"SecretId": ":".join(parts[:FIELDS_OF_ARN])}
    arguments |= {"VersionStage": stage} if stage else {}
    arguments |= {"VersionId": version} if version else {}
    api: Any = client(ctx, "secretsmanager")
    if starts:
        found = api.describe_secret(SecretId=arguments["SecretId"])
        ctx.iam.require(starts, "secretsmanager:GetSecretValue", found["ARN"])
        needed = decryption.required(ctx, "secretsmanager", found["ARN"], found.get("KmsKeyId"))
        decryption.require(partial(ctx.iam.require, starts), needed, decryption.TOLD_BY_SECRETS_MANAGER)
    text: str = api.get_secret_value(**arguments)["SecretString"]
    if not key:
        return text
    values = json.loads(text)
    if key not in values:
        raise ValueError(f"retrieved secret from Secrets Manager did not contain json key {key}")
    return values[key] if isinstance(values[key], str) else json.dumps(values[key])


def parameter(ctx: Context, source: str, starts: Doc | None) -> str:
    """Return a parameter's value; its ARN does not show whether the name begins with a slash, so both are tried.

    Raises:
        DeniedError: the role may not read it, or not decrypt by its key.
        ValueError: it does not exist.
    """
    bare = source.partition(":parameter/")[2]
    asked = f"/{bare}" if bare else source
    arn = parameter_arn(asked, Names(account=ctx.account, region=ctx.region))
    if starts:
        ctx.iam.require(starts, "ssm:GetParameters", arn)
    ssm: Any = client(ctx, "ssm")
    names = [asked, bare] if bare else [asked]
    found = {row["Name"]: row for row in ssm.get_parameters(Names=names, WithDecryption=True)["Parameters"]}
    row = next((found[name] for name in names if name in found), None)
    if row is None:
        raise ValueError(f"invalid ssm parameters: {asked}")
    if starts and row["Type"] == "SecureString":
        needed = decryption.required(ctx, "ssm", arn, decryption.parameter_key(ctx, row["Name"]))
        decryption.require(partial(ctx.iam.require, starts), needed)
    return plain(str(row["Value"]))


def plain(text: str) -> str:
    """Remove the marker with which the emulated Parameter Store wraps secure strings."""
    return base64.b64decode(text.removeprefix(ENCRYPTED)).decode() if text.startswith(ENCRYPTED) else text
