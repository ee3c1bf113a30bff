"""The snapshot of a database that a change is about to destroy or to upgrade."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pulumi
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.clients import Clients
    from infra.live.resources import Database


def take(clients: Clients, databases: Sequence[Database], done: str = "destroyed") -> None:
    """Take a snapshot of each database and wait until it is complete; what is written later is not in it.

    Args:
        clients: AWS clients by service.
        databases: of which.
        done: what is done to them then.

    Raises:
        pulumi.RunError: one cannot be taken; nothing has been changed then.
    """
    for one in databases:
        name = f"{one.identifier}-{datetime.now(UTC):%Y%m%d%H%M%S}"
        pulumi.log.info(f"database {one.identifier}: taking the snapshot {name} before it is {done}")
        try:
            rds = clients("rds")
            rds.create_db_snapshot(DBInstanceIdentifier=one.identifier, DBSnapshotIdentifier=name)
            rds.get_waiter("db_snapshot_available").wait(
                DBSnapshotIdentifier=name, WaiterConfig={"Delay": 5, "MaxAttempts": 720}
            )
        except (ClientError, BotoCoreError, WaiterError) as error:
            raise pulumi.RunError(
                f"database {one.identifier}: no snapshot can be taken, so it is not {done}: {error}"
            ) from error
        pulumi.log.info(f"database {one.identifier}: the snapshot {name} is complete; `destroy` leaves it")
