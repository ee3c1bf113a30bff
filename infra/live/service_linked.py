"""The service-linked roles of the account, looked for before anything is created that needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from botocore.exceptions import BotoCoreError, ClientError

from contract.service_linked import BALANCING, ECS, NOTIFICATIONS, RDS, ROLES, remedy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.clients import Clients
    from infra.config.stack import StackConfig
    from infra.live.records import Standing
    from infra.live.resources import Resources


def check(clients: Clients, config: StackConfig, up: Standing, resources: Resources) -> None:
    """Check that the account has the roles of what is to be created; what cannot be looked up is left to AWS.

    Raises:
        pulumi.RunError: it lacks some, with one line and one command for each.
    """
    lines = [
        f"the account has no service-linked role {ROLES[service]}, and AWS fails the first request that needs it; "
        f"run: {remedy(service)}"
        for service in _needed(config, up, resources)
        if _is_missing(clients, ROLES[service])
    ]
    if lines:
        raise pulumi.RunError("\n".join(lines))


def _needed(config: StackConfig, up: Standing, resources: Resources) -> Iterator[str]:
    """Yield the services whose resources the stack does not have yet."""
    if up.services is not None and not up.services:
        yield from (ECS, BALANCING)
        if config.pipeline:
            yield NOTIFICATIONS
    if config.environment.database and resources.database is None:
        yield RDS


def _is_missing(clients: Clients, role: str) -> bool:
    """Return whether the account has no such role; False where the caller may not look."""
    try:
        clients("iam").get_role(RoleName=role)
    except ClientError as error:
        return bool(error.response["Error"]["Code"] == "NoSuchEntity")
    except BotoCoreError:
        return False
    return False
