"""boto3 clients with the settings of the default AWS provider, for what provider functions cannot read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.config.stack import StackConfig

    Clients = Callable[[str], Any]


def of(config: StackConfig) -> Clients:
    """Return a function from an AWS service's name to its client, in the stack's region and with its credentials.

    Args:
        config: the stack's configuration; `aws:profile` and `aws:assumeRoles` apply as they do to the provider. Roles
            are assumed in order, each with the credentials of the one before.
    """
    session = boto3.Session(region_name=config.region, profile_name=config.aws_profile)
    for role in json.loads(config.aws_assume_roles or "[]"):
        optional = {"ExternalId": role["externalId"]} if role.get("externalId") else {}
        answer = session.client("sts").assume_role(
            RoleArn=role["roleArn"], RoleSessionName=role.get("sessionName") or "slipway", **optional
        )
        held = answer["Credentials"]
        session = boto3.Session(
            aws_access_key_id=held["AccessKeyId"],
            aws_secret_access_key=held["SecretAccessKey"],
            aws_session_token=held["SessionToken"],
            region_name=config.region,
        )
    client: Clients = session.client
    return client
