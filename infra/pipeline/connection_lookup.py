"""Lookup of the connection to GitHub, before any resource is declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from collections.abc import Mapping

AVAILABLE, PENDING = "AVAILABLE", "PENDING"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExistingConnection:
    """A connection that exists: its ARN and its status, AVAILABLE or PENDING."""

    arn: str
    status: str


def configured(arn: str, *, config_key: str, console: str) -> ExistingConnection:
    """Return the connection that the configuration refers to; it must be AVAILABLE.

    Args:
        arn: of the connection.
        config_key: file and key of the ARN, for messages.
        console: URL of the console page that lists connections.

    Raises:
        pulumi.RunError: it cannot be read, or is not AVAILABLE.
    """
    try:
        connection = aws.codestarconnections.get_connection(arn=arn)
    except Exception as error:  # errors of provider functions have neither a type nor a code
        reason = " ".join(str(error).split())
        raise pulumi.RunError(f"{config_key}: connection {arn} cannot be read: {reason}") from error
    if connection.connection_status != AVAILABLE:
        raise pulumi.RunError(
            f"{config_key}: connection {arn} is {connection.connection_status} and must be {AVAILABLE}; "
            f"complete it: {console}"
        )
    return ExistingConnection(arn=arn, status=AVAILABLE)


def find(name: str, *, tags: Mapping[str, str], config_key: str, console: str) -> ExistingConnection | None:
    """Return the stack's own connection, or None if there is none yet.

    Args:
        name: of the connection.
        tags: that the stack's resources have; one of another stack, or made by hand, has others or none.
        config_key: file and key of a connection's ARN, for messages.
        console: URL of the console page that lists connections.

    Raises:
        pulumi.RunError: connections cannot be read, or the one of this name is not the stack's or in an error state;
            continuing would delete the pipeline, which depends on it.
    """
    try:
        connection = aws.codestarconnections.get_connection(name=name)
    except Exception as error:  # errors of provider functions have neither a type nor a code
        # The message of the Terraform data source aws_codestarconnections_connection.
        if f"({name}): not found" in str(error):
            return None
        reason = " ".join(str(error).split())
        raise pulumi.RunError(f"connection {name} cannot be looked up: {reason}") from error
    if any((connection.tags or {}).get(key) != value for key, value in tags.items()):
        given = " ".join(f"Key={key},Value={value}" for key, value in tags.items())
        raise pulumi.RunError(
            f"connection {name} exists and is not known to be this stack's, since it lacks its tags; if it is: aws "
            f"codestar-connections tag-resource --resource-arn {connection.arn} --tags {given}; otherwise set "
            f"{config_key} to {connection.arn} to use it as it is"
        )
    if connection.connection_status not in {AVAILABLE, PENDING}:
        raise pulumi.RunError(f"connection {name} is {connection.connection_status}; repair it, then repeat: {console}")
    # The lookup returns an ARN with the service's former prefix, the stack's own resource one with the present prefix.
    arn = connection.arn.replace(":codestar-connections:", ":codeconnections:", 1)
    return ExistingConnection(arn=arn, status=connection.connection_status)
