"""The snapshot of a database that a change is about to destroy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pulumi
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.clients import Clients
    from infra.live.resources import Database


def take(clients: Clients, databases: Sequence[Database]) -> None:
    """Take a snapshot of each database and wait until it is complete; what is written later is not in it.

    Raises:
        pulumi.RunError: one cannot be taken; nothing has been changed then.
    """
    for one in databases:
        name = f"{one.identifier}-{datetime.now(UTC):%Y%m%d%H%M%S}"
        pulumi.log.info(f"database {one.identifier}: taking the snapshot {name} before it is destroyed")
        try:
            rds = clients("rds")
            rds.create_db_snapshot(DBInstanceIdentifier=one.identifier, DBSnapshotIdentifier=name)
            rds.get_waiter("db_snapshot_available").wait(
                DBSnapshotIdentifier=name, WaiterConfig={"Delay": 5, "MaxAttempts": 720}
            )
        except (ClientError, BotoCoreError, WaiterError) as error:
            raise pulumi.RunError(
                f"database {one.identifier}: no snapshot can be taken, so it is not destroyed: {error}"
            ) from error
        pulumi.log.info(f"database {one.identifier}: the snapshot {name} is complete; `destroy` leaves it")
