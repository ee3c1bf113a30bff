"""Relational Database Service: PostgreSQL instances, each a container with its own volume and address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.docker_engine.service_containers import ServiceContainers
from localcloud.gateway.protocol import Api
from localcloud.services.rds.groups import Groups
from localcloud.services.rds.instances import Instances
from localcloud.services.rds.reconciler import Keeper
from localcloud.services.rds.snapshots import Snapshots
from localcloud.services.rds.tags import Tags

if TYPE_CHECKING:
    from localcloud.context import Context


class Rds(Api):
    """The service "rds"."""

    api = "rds"
    signing_name = "rds"
    invalid_code = "InvalidParameterValue"

    def __init__(self, ctx: Context) -> None:
        """Load the documents from the store."""
        engine = ServiceContainers(ctx, "database")
        groups = Groups(ctx)
        snapshots = Snapshots(ctx, engine)
        self._keeper = Keeper(ctx, engine)
        instances = Instances(ctx, self._keeper, groups, snapshots)
        self._engine, self._snapshots = engine, snapshots
        super().__init__([instances, groups, snapshots, Tags(instances, groups, snapshots)])

    async def start(self) -> None:
        """Start the databases and keep them running."""
        await self._keeper.start()

    async def stop(self) -> None:
        """Stop watching; containers keep running."""
        await self._keeper.stop()
        await self._engine.close()

    async def reset(self) -> None:
        """Remove containers and volumes."""
        await self._keeper.reset()
        await self._snapshots.reset()
