"""The status of a connection to GitHub: looked up before anything is created."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

AVAILABLE, PENDING = "AVAILABLE", "PENDING"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A connection that exists: its ARN, and AVAILABLE or PENDING."""

    arn: str
    status: str


def given(arn: str, *, asked_by: str, console: str) -> Found:
    """Return a connection that the configuration names; it must be AVAILABLE.

    Args:
        arn: of the connection.
        asked_by: the file and key that name it, for messages.
        console: address of the page that lists connections.

    Raises:
        pulumi.RunError: it cannot be read, or has another status.
    """
    try:
        found = aws.codestarconnections.get_connection(arn=arn)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise pulumi.RunError(f"{asked_by}: connection {arn} cannot be read: {reason}") from error
    if found.connection_status != AVAILABLE:
        raise pulumi.RunError(
            f"{asked_by}: connection {arn} is {found.connection_status} and must be {AVAILABLE}; complete it: {console}"
        )
    return Found(arn=arn, status=AVAILABLE)


def own(name: str, *, console: str) -> Found | None:
    """Return the connection of this name, or None when there is none yet.

    Args:
        name: of the connection.
        console: address of the page that lists connections.

    Raises:
        pulumi.RunError: connections cannot be read, or this one has failed: the pipeline, which would be removed
            with it, is left as it is.
    """
    try:
        found = aws.codestarconnections.get_connection(name=name)
    except Exception as error:
        # An invoke's error has no code, so the provider's words tell (its data source
        # aws_codestarconnections_connection).
        if f"({name}): not found" in str(error):
            return None
        reason = " ".join(str(error).split())
        raise pulumi.RunError(f"connection {name} cannot be looked up: {reason}") from error
    if found.connection_status not in {AVAILABLE, PENDING}:
        raise pulumi.RunError(f"connection {name} is {found.connection_status}; mend it, then repeat: {console}")
    # Looked up by the service's former name; what the stack makes has an ARN of its present one.
    arn = found.arn.replace(":codestar-connections:", ":codeconnections:", 1)
    return Found(arn=arn, status=found.connection_status)
