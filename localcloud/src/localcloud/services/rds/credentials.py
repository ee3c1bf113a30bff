"""Master user passwords that RDS manages in Secrets Manager."""

from __future__ import annotations

import contextlib
import json
import secrets
import string
import uuid
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from localcloud.gateway.protocol import arn

if TYPE_CHECKING:
    from localcloud.context import Context

ROTATION_DAYS = 7
"""RDS's rotation interval. (Nothing is rotated automatically here.)"""
ALPHABET = "".join(sorted(set(string.ascii_letters + string.digits + string.punctuation) - set('/@"')))
"""Printable ASCII without "/", "@", the double quote and the space (RDS CreateDBInstance, MasterUserPassword)."""
TO_BE_QUOTED = "#?%:]"
"""What ends or breaks a URL unless it is percent-encoded. RDS's passwords may have these; here each one has them all,
so that an application that fails on one fails at once."""
LENGTH = 28
Doc = dict[str, Any]


def client(ctx: Context, api: str) -> Any:
    """Return a client of another service of the local cloud; use it in threads only."""
    return boto3.client(
        api,
        endpoint_url=ctx.endpoint,
        region_name=ctx.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106  the local cloud takes any
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30),
    )


def new_password() -> str:
    """Return a new password as RDS makes them, with the characters that break an unquoted URL."""
    characters = [*TO_BE_QUOTED, *(secrets.choice(ALPHABET) for _ in range(LENGTH - len(TO_BE_QUOTED)))]
    secrets.SystemRandom().shuffle(characters)
    return "".join(characters)


def create(ctx: Context, instance: Doc, kms_key: str | None) -> tuple[Doc, str]:
    """Create a password and its secret; return the instance's MasterUserSecret and the password."""
    password = new_password()
    manager = client(ctx, "secretsmanager")
    made = manager.create_secret(
        Name=f"rds!db-{uuid.uuid4()}",
        Description=f"Secret associated with primary RDS DB instance: {instance['DBInstanceArn']}",
        SecretString=json.dumps({"username": instance["MasterUsername"], "password": password}),
        Tags=[
            {"Key": "aws:rds:primaryDBInstanceArn", "Value": instance["DBInstanceArn"]},
            {"Key": "aws:secretsmanager:owningService", "Value": "rds"},
        ],
    )
    manager.rotate_secret(
        SecretId=made["ARN"], RotateImmediately=False, RotationRules={"AutomaticallyAfterDays": ROTATION_DAYS}
    )
    key = kms_key or arn(ctx, "kms", "key/aws-secretsmanager")
    return {"SecretArn": made["ARN"], "SecretStatus": "active", "KmsKeyId": key}, password


def remove(ctx: Context, instance: Doc) -> None:
    """Delete the instance's secret at once; a missing one is no error."""
    held = instance.get("MasterUserSecret")
    if not held:
        return
    manager = client(ctx, "secretsmanager")
    with contextlib.suppress(manager.exceptions.ResourceNotFoundException):
        manager.delete_secret(SecretId=held["SecretArn"], ForceDeleteWithoutRecovery=True)
