"""DB snapshots, each a copy of a database's volume."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from localcloud.gateway.protocol import ApiError, arn
from localcloud.services.rds import database
from localcloud.state.table import Table

if TYPE_CHECKING:
    from localcloud.context import Context
    from localcloud.docker_engine.service_containers import ServiceContainers

Doc = dict[str, Any]
COPIED = (
    "DBInstanceIdentifier", "Engine", "EngineVersion", "AllocatedStorage", "AvailabilityZone", "InstanceCreateTime",
    "MasterUsername", "LicenseModel", "StorageType", "KmsKeyId", "DbiResourceId", "IAMDatabaseAuthenticationEnabled",
    "DBName",
)  # fmt: skip


class Snapshots:
    """Snapshots and the operations on them; `Instances` restores one."""

    def __init__(self, ctx: Context, engine: ServiceContainers) -> None:
        """Load the documents from the store."""
        self._ctx, self._engine = ctx, engine
        self.rows = Table(ctx.store, "rds-snapshot")

    def refuse_taken(self, name: str) -> None:
        """Raise ApiError if a snapshot of that name exists."""
        if self.rows.get(name):
            raise ApiError(
                "DBSnapshotAlreadyExists",
                f"Cannot create the snapshot because one with the identifier {name} already exists.",
            )

    def find(self, name: str) -> Doc:
        """Return a snapshot, by its identifier or ARN.

        Raises:
            ApiError: it does not exist.
        """
        row = self.rows.get(name.rpartition(":snapshot:")[2])
        if row is None:
            raise ApiError("DBSnapshotNotFound", f"DBSnapshot {name} not found.", 404)
        return row

    async def restore(self, name: str, instance: str) -> None:
        """Copy a snapshot's data to the volume of an instance that is about to be created."""
        source, target = self._volume(name), database.name_of(self._ctx, instance)
        await self._engine.call(database.copy_volume, self._ctx, source, target, self._engine.labels(database=instance))

    def _volume(self, name: str) -> str:
        return f"{self._ctx.network}-snapshot-{name}"

    async def take_final(self, instance: Doc, name: str) -> Doc:
        """Stop an instance and copy its volume."""
        await self._engine.call(database.stop, self._ctx, instance["DBInstanceIdentifier"])
        return await self._take(instance, name)

    async def take(self, instance: Doc, name: str) -> Doc:
        """Copy the volume of an instance, whose processes stand still meanwhile, as during RDS's I/O suspension."""
        self.refuse_taken(name)
        identifier = instance["DBInstanceIdentifier"]
        await self._engine.call(database.pause, self._ctx, identifier)
        try:
            return await self._take(instance, name)
        finally:
            await self._engine.call(database.unpause, self._ctx, identifier)

    async def _take(self, instance: Doc, name: str) -> Doc:
        volume = self._volume(name)
        source = database.name_of(self._ctx, instance["DBInstanceIdentifier"])
        await self._engine.call(database.copy_volume, self._ctx, source, volume, self._engine.labels(snapshot=name))
        row = {
            **{member: instance.get(member) for member in COPIED},
            "DBSnapshotIdentifier": name,
            "DBSnapshotArn": arn(self._ctx, "rds", f"snapshot:{name}"),
            "SnapshotCreateTime": time.time(),
            "Status": "available",
            "SnapshotType": "manual",
            "PercentProgress": 100,
            "Port": instance["Endpoint"]["Port"],
            "Encrypted": instance["StorageEncrypted"],
            "VpcId": instance["DBSubnetGroup"]["VpcId"],
            "Tags": instance["Tags"] if instance.get("CopyTagsToSnapshot") else [],
        }
        self.rows.put(name, row)
        return row

    def describe_db_snapshots(self, params: Doc) -> Doc:
        """Handle DescribeDBSnapshots, all on one page."""
        name, owner = params.get("DBSnapshotIdentifier"), params.get("DBInstanceIdentifier")
        name = self.find(name)["DBSnapshotIdentifier"] if name else None
        rows = [{**row, "TagList": row["Tags"]} for row in self.rows.values()]
        rows = [row for row in rows if name in (None, row["DBSnapshotIdentifier"])]
        return {"DBSnapshots": [row for row in rows if owner in (None, row["DBInstanceIdentifier"])]}

    async def delete_db_snapshot(self, params: Doc) -> Doc:
        """Handle DeleteDBSnapshot."""
        name = params["DBSnapshotIdentifier"]
        row = self.find(name)
        await self._engine.call(database.remove_volume, self._ctx, self._volume(name))
        self.rows.delete(name)
        return {"DBSnapshot": {**row, "Status": "deleted"}}

    def describe_db_instance_automated_backups(self, _params: Doc) -> Doc:
        """Handle DescribeDBInstanceAutomatedBackups: there are no automated backups here."""
        return {"DBInstanceAutomatedBackups": []}

    async def reset(self) -> None:
        """Remove every snapshot."""
        for name in list(self.rows.rows):
            await self.delete_db_snapshot({"DBSnapshotIdentifier": name})
