"""Elastic Load Balancing v2: application load balancers, each an HAProxy container with its own address."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from typing import TYPE_CHECKING, Any

from localcloud.docker_engine.service_containers import ServiceContainers
from localcloud.gateway.protocol import Api
from localcloud.services.elbv2.attributes import Attributes
from localcloud.services.elbv2.balancers import Balancers
from localcloud.services.elbv2.groups import Groups
from localcloud.services.elbv2.listeners import Listeners
from localcloud.services.elbv2.metrics import Metrics
from localcloud.services.elbv2.proxies import Proxies
from localcloud.services.elbv2.shifting import Shifting
from localcloud.services.elbv2.state import State
from localcloud.services.elbv2.tags import Tags
from localcloud.services.elbv2.targets import Targets
from localcloud.settings import label

if TYPE_CHECKING:
    from localcloud.context import Context

LOG = logging.getLogger(__name__)


class LoadBalancing(Api):
    """The service behind the signing name elasticloadbalancing."""

    api = "elbv2"
    signing_name = "elasticloadbalancing"
    invalid_code = "ValidationError"

    def __init__(self, ctx: Context) -> None:
        """Load the documents; nothing runs before `start`."""
        self.engine = ServiceContainers(ctx, "balancer")
        self.state = State(ctx)
        self.proxies = Proxies(self.state, self.engine)
        self.targets = Targets(self.state, self.proxies)
        self.shifting = Shifting(self.state, self.proxies)
        self.metrics = Metrics(self.state, self.proxies)
        super().__init__([
            Balancers(self.state, self.proxies),
            Groups(self.state, self.targets),
            Listeners(self.state, self.proxies),
            Attributes(self.state, self.proxies),
            Tags(self.state),
        ])  # fmt: skip
        self._repairs: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Reconcile the proxies with Docker, and start the health checks of all targets."""
        await self._reconcile()
        self.targets.start()
        self.engine.watch(self._react, self._reconcile)

    async def _reconcile(self) -> None:
        """Remove proxies of unknown load balancers, start missing ones, adopt running ones."""
        for container in await self.engine.containers():
            if container.labels.get(label("balancer")) not in self.state.balancers.rows:
                await self.engine.remove(container.id)
        results = await asyncio.gather(
            *(self.proxies.run(balancer) for balancer in self.state.balancers.values()), return_exceptions=True
        )
        for failure in results:
            if failure is not None:
                LOG.error("a load balancer does not start: %s", failure)

    def _react(self, event: dict[str, Any]) -> None:
        """Recreate the proxy of a load balancer whose container was removed from outside."""
        if event.get("Action") != "destroy":
            return
        balancer = self.state.balancers.get(event["Actor"]["Attributes"].get(label("balancer"), ""))
        if balancer is not None:
            task = asyncio.get_running_loop().create_task(self.proxies.run(balancer))
            self._repairs.add(task)
            task.add_done_callback(self._repairs.discard)

    async def stop(self) -> None:
        """Stop health checks; proxies keep running."""
        await self.targets.stop()
        await self.engine.close()

    async def reset(self) -> None:
        """Remove all load balancers, target groups and targets."""
        await self.targets.stop()
        balancers = self.state.balancers.values()
        for table in (
            self.state.targets,
            self.state.rules,
            self.state.listeners,
            self.state.groups,
            self.state.balancers,
        ):
            table.clear()
        await asyncio.gather(*(self.proxies.remove(balancer) for balancer in balancers))
        for container in await self.engine.containers():
            await self.engine.remove(container.id)
        with contextlib.suppress(OSError):
            shutil.rmtree(self.state.ctx.state_dir / "elbv2")
