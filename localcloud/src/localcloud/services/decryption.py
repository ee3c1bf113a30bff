"""Keys that encrypt secrets and parameters: who reads one must be allowed to decrypt by its key. Blocking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.iam.authority import DeniedError
from localcloud.services.clients import client

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.context import Context

Needed = tuple[str, dict[str, str]]
"""A key's ARN and the condition keys of the request to decrypt."""

OF_AWS = "alias/aws/"
"""The beginning of the aliases of AWS managed keys, which everybody in the account may use through their service."""
TOLD_BY_SECRETS_MANAGER = "Access to KMS is not allowed"
"""All that Secrets Manager tells of a refusal; Parameter Store tells the whole of it."""


def required(ctx: Context, service: str, read: str, key: str | None) -> Needed | None:
    """Return what `kms:Decrypt` must be allowed on, and the condition keys of that request.

    Secrets Manager and Parameter Store decrypt on behalf of whoever reads, with the ARN in the encryption context
    (Secrets Manager user guide, "Secret encryption and decryption"; Systems Manager user guide, "AWS KMS encryption
    for Parameter Store SecureString parameters").

    Args:
        ctx: the local cloud.
        service: `secretsmanager` or `ssm`.
        read: the ARN of the secret or parameter.
        key: the ARN, ID or alias of its key; None or "" for the AWS managed one.

    Returns:
        The key's ARN and the condition keys; None for an AWS managed key, which needs no permission of the reader.
    """
    if not key or OF_AWS in key:
        return None
    kms: Any = client(ctx, "kms")
    try:
        arn = str(kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"])
    except kms.exceptions.NotFoundException:
        arn = key if key.startswith("arn:") else f"arn:aws:kms:{ctx.region}:{ctx.account}:key/{key}"
    member = "secretarn" if service == "secretsmanager" else "parameter_arn"
    keys = {"kms__viaservice": f"{service}.{ctx.region}.amazonaws.com", f"kms__encryptioncontext__{member}": read}
    return arn, keys


def parameter_key(ctx: Context, name: str) -> str | None:
    """Return the key of a SecureString parameter, by the parameter's name."""
    filters = [{"Key": "Name", "Values": [name]}]
    rows: list[dict[str, str]] = client(ctx, "ssm").describe_parameters(ParameterFilters=filters)["Parameters"]
    return rows[0].get("KeyId") if rows else None


def require(asked: Callable[..., None], needed: Needed | None, told: str = "") -> None:
    """Require that a role may decrypt, if it needs to.

    Args:
        asked: raises DeniedError unless the role may perform an action on a resource.
        needed: what `required` returned.
        told: the message of the refusal; "" for IAM's own.

    Raises:
        DeniedError: it may not.
    """
    if needed is None:
        return
    arn, keys = needed
    try:
        asked("kms:Decrypt", arn, **keys)
    except DeniedError as error:
        raise DeniedError(told or str(error)) from error
