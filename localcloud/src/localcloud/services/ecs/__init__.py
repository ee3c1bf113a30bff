"""Elastic Container Service on Fargate: tasks are containers of the local Docker Engine."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from localcloud.docker_engine.service_containers import ServiceContainers
from localcloud.gateway.protocol import Api, ApiError
from localcloud.services.ecs import containers
from localcloud.services.ecs.canary import Canary
from localcloud.services.ecs.clusters import Clusters, Tags
from localcloud.services.ecs.definitions import Definitions
from localcloud.services.ecs.logs import Shipper
from localcloud.services.ecs.metadata_endpoint import MetadataEndpoint
from localcloud.services.ecs.metadata_proxy import MetadataProxy
from localcloud.services.ecs.metrics import Metrics
from localcloud.services.ecs.placement import Placement
from localcloud.services.ecs.rollout_operations import RolloutOperations
from localcloud.services.ecs.rollouts import Rollouts
from localcloud.services.ecs.runner import Runner
from localcloud.services.ecs.scheduler import Scheduler
from localcloud.services.ecs.services import Services
from localcloud.services.ecs.state import State
from localcloud.services.ecs.task_containers import Maker, is_there
from localcloud.services.ecs.task_documents import Factory
from localcloud.services.ecs.task_roles import owner
from localcloud.services.ecs.tasks import Tasks
from localcloud.services.ecs.traffic import Traffic
from localcloud.settings import label

if TYPE_CHECKING:
    from localcloud.context import Context
    from localcloud.services.elbv2.shifting import Shifting
    from localcloud.services.elbv2.targets import Targets
    from localcloud.state.table import Doc

RECONCILE_SECONDS = 5.0
SETTLE_SECONDS = 15.0
"""Maximum time that `start` waits for services whose tasks stopped in the meantime to become steady again."""
LOG = logging.getLogger(__name__)
Found = dict[str, dict[str, str]]
"""Status of containers in Docker by task ARN and container name."""


class ContainerService(Api):
    """The service behind the signing name ecs."""

    api = "ecs"
    signing_name = "ecs"
    invalid_code = "InvalidParameterException"

    def __init__(self, ctx: Context, targets: Targets, shifting: Shifting) -> None:
        """Load the documents; nothing runs before `start`.

        Args:
            ctx: the local cloud's context.
            targets: the load balancers' targets, with which tasks are registered.
            shifting: the weights of the load balancers' rules, by which canary deployments shift traffic.
        """
        self.engine = ServiceContainers(ctx, "task")
        self.state = State(ctx)
        self.metrics = Metrics(self.state, self.engine)
        self.shipper = Shipper(self.state, ctx.docker)
        self.proxy = MetadataProxy(ctx)
        maker = Maker(self.state, self.engine, self.proxy)
        self.control = MetadataEndpoint(self.state, maker).control
        self.runner = Runner(self.state, maker, targets, self.shipper)
        factory = Factory(self.state)
        traffic = Traffic(ctx, targets, shifting)
        placement = Placement(self.state, traffic)
        rollouts = Rollouts(self.state, placement)
        canary = Canary(self.state, rollouts, placement, self.runner, factory, traffic)
        self.scheduler = Scheduler(self.state, rollouts, canary, self.runner, factory, targets)
        self.runner.changed = self.scheduler.wake
        ctx.iam.roles_of_definition = self._roles
        super().__init__([
            Clusters(self.state),
            Tags(self.state),
            Definitions(self.state),
            Services(self.state, rollouts, self.scheduler, traffic),
            RolloutOperations(self.state, rollouts, self.scheduler),
            Tasks(self.state, factory, self.runner),
        ])  # fmt: skip
        self._reconciling: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Adopt running tasks, stop the others, remove orphaned containers, resume every service's scheduler loop."""
        self.shipper.start()
        found = await self._found()
        alive = {task["taskArn"]: task for task in self.state.tasks.values() if is_there(task)}
        self.state.ctx.iam.sessions.keep("task", {owner(task) for task in alive.values()})
        for container in await self.engine.containers():
            if container.labels.get(label("task")) not in alive:
                await self.engine.remove(container.id)
        self.engine.watch(self._react, self._compare_all)
        for key, task in alive.items():
            await self.runner.adopt(task, found.get(key, {}))
        for service in self.state.services.values():
            if service["status"] != "INACTIVE":
                self.scheduler.watch(service)
        self._reconciling = asyncio.create_task(self._reconcile_regularly())
        await self.scheduler.settle(SETTLE_SECONDS)

    async def stop(self) -> None:
        """Stop all loops; containers keep running."""
        if self._reconciling is not None:
            self._reconciling.cancel()
        self.scheduler.stop()
        await self.runner.close()
        self.shipper.stop()
        await self.engine.close()
        await self.proxy.close()

    async def reset(self) -> None:
        """Remove all clusters, services, tasks and task definitions, and every container."""
        self.scheduler.stop()
        await self.runner.close()
        tasks = [task for task in self.state.tasks.values() if task["lastStatus"] != "STOPPED"]
        await asyncio.gather(*(self.runner.clear(task) for task in tasks))
        for container in await self.engine.containers():
            await self.engine.remove(container.id)
        await self.proxy.remove()
        state = self.state
        for table in (state.services, state.tasks, state.rollouts, state.revisions, state.clusters, state.definitions):
            table.clear()
        state.families.clear()
        state.prune()

    def _roles(self, definition: str) -> list[str]:
        """Return the roles of a task definition by ARN or name; empty if it does not exist."""
        try:
            found = self.state.definition(definition)
        except ApiError:
            return []
        return [str(found[name]) for name in ("taskRoleArn", "executionRoleArn") if found.get(name)]

    def _react(self, event: dict[str, Any]) -> None:
        """Inspect the container of a Docker event."""
        labels = event["Actor"]["Attributes"]
        task = self.state.tasks.get(labels.get(label("task"), ""))
        if task is None or not str(event.get("Action", "")).startswith(("die", "health_status", "destroy")):
            return
        name = labels.get(label("container"), "")
        if name == containers.PAUSE and event["Action"] == "die" and task["desiredStatus"] == "RUNNING":
            self.runner.stop(task, "EssentialContainerExited", "The task's network ended")
        else:
            self.runner.look(task, name)

    async def _found(self) -> Found:
        found: Found = {}
        for container in await self.engine.containers():
            labels = container.labels
            found.setdefault(labels.get(label("task"), ""), {})[labels.get(label("container"), "")] = container.status
        return found

    async def _compare_all(self) -> None:
        """Inspect every task whose containers in Docker differ from its document."""
        found = await self._found()
        for task in self.state.tasks.values():
            if task["lastStatus"] == "RUNNING" and task["desiredStatus"] == "RUNNING":
                self._compare(task, found.get(task["taskArn"], {}))

    async def _reconcile_regularly(self) -> None:
        """Reconcile periodically with Docker, in case of missed events, and prune old documents."""
        while True:
            await asyncio.sleep(RECONCILE_SECONDS)
            try:
                await self._compare_all()
                await self._keep_proxy()
                self.state.prune()
            except Exception:  # logged, and retried in the next round
                LOG.exception("reconciling with Docker failed")

    async def _keep_proxy(self) -> None:
        """Have the proxy of the tasks' metadata run exactly while there are tasks."""
        if self._has_tasks():
            await self.proxy.ensure()
        else:
            await self.proxy.remove(unless=self._has_tasks)

    def _has_tasks(self) -> bool:
        return any(map(is_there, self.state.tasks.values()))

    def _compare(self, task: Doc, found: dict[str, str]) -> None:
        for row in task["containers"]:
            if row["lastStatus"] == "RUNNING" and found.get(row["name"]) != "running":
                self.runner.look(task, row["name"])
