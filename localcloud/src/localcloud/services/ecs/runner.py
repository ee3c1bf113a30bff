"""The task lifecycle: start, watch, stop. Each step is persisted first, so that it can be resumed after a kill."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any

import docker

from localcloud.services.ecs import containers
from localcloud.services.ecs.task_containers import StartError, container_of
from localcloud.services.ecs.task_roles import owner

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.services.ecs.logs import Shipper
    from localcloud.services.ecs.state import State
    from localcloud.services.ecs.task_containers import Maker
    from localcloud.services.elbv2.targets import Targets
    from localcloud.state.table import Doc

DRAIN_POLL_SECONDS = 0.1
LOG = logging.getLogger(__name__)
EXITED = "Essential container in task exited"
HEALTH = {"healthy": "HEALTHY", "unhealthy": "UNHEALTHY"}


class Runner:
    """Starts, watches and stops all tasks."""

    def __init__(self, state: State, maker: Maker, targets: Targets, shipper: Shipper) -> None:
        """Use ECS's documents, the containers in Docker, the load balancers' targets and the log shipper."""
        self._state, self._maker, self._targets, self._shipper = state, maker, targets, shipper
        self._engine = maker.engine
        self._starts: dict[str, asyncio.Task[None]] = {}
        self._stops: dict[str, asyncio.Task[None]] = {}
        self._checks: set[asyncio.Task[None]] = set()
        self.changed: Callable[[Doc], None] = lambda _task: None
        """Called after each change of a task's state."""

    def launch(self, task: Doc) -> None:
        """Begin to start a task whose document is persisted; do not wait."""
        key = task["taskArn"]
        self._starts[key] = asyncio.create_task(self._start(task), name=f"start {key}")

    def stop(self, task: Doc, code: str, reason: str) -> None:
        """Begin to stop a task; do not wait. Idempotent."""
        key = task["taskArn"]
        if key in self._stops or task["lastStatus"] == "STOPPED":
            return
        if task["desiredStatus"] != "STOPPED":
            task.update(desiredStatus="STOPPED", stopCode=code, stoppedReason=reason, stoppingAt=time.time())
            self._state.save_task(task)
        self._stops[key] = asyncio.create_task(self._stop(task), name=f"stop {key}")
        self.changed(task)

    async def adopt(self, task: Doc, found: dict[str, str]) -> None:
        """Adopt a task after a restart of the local cloud.

        Args:
            task: a task that had not stopped before.
            found: its containers' status in Docker ("running", "exited", ...) by name.
        """
        if task["desiredStatus"] == "STOPPED":
            self.stop(task, task["stopCode"], task["stoppedReason"])
            return
        whole = all(row["name"] in found for row in task["containers"])
        if task["lastStatus"] != "RUNNING" or not whole:
            task["counted"] = True
            self.stop(task, "ServiceSchedulerInitiated", "The task was interrupted by a stop of the local cloud")
            return
        for row in task["containers"]:
            self._follow(task, row)
        for row in task["containers"]:
            await self._look(task, row["name"])
        await self._register(task)

    def look(self, task: Doc, name: str) -> None:
        """Begin to inspect a container in Docker; do not wait."""
        check = asyncio.create_task(self._look(task, name))
        self._checks.add(check)
        check.add_done_callback(self._checks.discard)

    async def close(self) -> None:
        """Cancel all jobs; containers keep running."""
        for job in [*self._starts.values(), *self._stops.values(), *self._checks]:
            job.cancel()

    async def _start(self, task: Doc) -> None:
        try:
            self._move(task, "PENDING", pullStartedAt=time.time())
            parts = await self._maker.parts(task)
            go_on(task)
            self._move(task, "ACTIVATING", pullStoppedAt=time.time())
            await self._maker.make(task, parts)
            self._state.save_task(task)
            rows = {
                row["name"]: row for row in self._state.definition(task["taskDefinitionArn"])["containerDefinitions"]
            }
            for part in parts:
                go_on(task)
                await self._maker.start(task, part, rows[part.name])
                row = container_of(task, part.name)
                if row["lastStatus"] == "PENDING":
                    row["lastStatus"] = "RUNNING"
                self._follow(task, row)
            go_on(task)
            await self._locate(task)
            self._move(task, "RUNNING", startedAt=time.time(), connectivity="CONNECTED", connectivityAt=time.time())
            await self._register(task)
        except InterruptedError:
            LOG.info("task %s is stopped before it runs", task["taskArn"])
        except StartError as error:
            # A container that exits at once has started nevertheless.
            self.stop(task, "EssentialContainerExited" if str(error) == EXITED else "TaskFailedToStart", str(error))
        except asyncio.CancelledError:
            raise
        except Exception as error:  # any failure becomes the task's stopped reason
            LOG.exception("task %s", task["taskArn"])
            self.stop(task, "TaskFailedToStart", f"InternalError: {type(error).__name__}: {error}")
        finally:
            if self._starts.get(task["taskArn"]) is asyncio.current_task():
                del self._starts[task["taskArn"]]

    async def _locate(self, task: Doc) -> None:
        """Record the task's address in its network interface attachment."""
        address, mac = await self._maker.address(task)
        if not address:
            raise StartError(EXITED)
        attachment = task["attachments"][0]
        known = [
            detail for detail in attachment["details"] if detail["name"] not in ("privateIPv4Address", "macAddress")
        ]
        attachment["details"] = [
            *known, {"name": "macAddress", "value": mac}, {"name": "privateIPv4Address", "value": address},
        ]  # fmt: skip
        attachment["status"] = "ATTACHED"
        for row in task["containers"]:
            row["networkInterfaces"] = [{"attachmentId": attachment["id"], "privateIpv4Address": address}]
        task["address"] = address

    async def _register(self, task: Doc) -> None:
        for target in task.get("targets", []):
            if task["desiredStatus"] == "RUNNING":
                await self._targets.register(target["group"], task["address"], target["port"])

    def _follow(self, task: Doc, row: Doc) -> None:
        definition = self._state.definition(task["taskDefinitionArn"])
        container = next(item for item in definition["containerDefinitions"] if item["name"] == row["name"])
        self._shipper.follow(row["runtimeId"], task, container)

    async def _look(self, task: Doc, name: str) -> None:
        """Update a container's document from Docker, and stop the task if an essential container has exited."""
        row = next((item for item in task["containers"] if item["name"] == name), None)
        if row is None or "runtimeId" not in row or task["desiredStatus"] == "STOPPED":
            return
        try:
            state = await self._maker.inspected(row["runtimeId"])
        except docker.errors.NotFound:
            state = {"Running": False, "ExitCode": 137, "OOMKilled": False, "FinishedAt": "9"}
        if task["desiredStatus"] == "STOPPED":
            return
        row["healthStatus"] = HEALTH.get(state.get("Health", {}).get("Status", ""), "UNKNOWN")
        task["healthStatus"] = health(task)
        if not state["Running"] and state["FinishedAt"] > "0002" and row["lastStatus"] != "STOPPED":
            ended(row, state)
            definition = self._state.definition(task["taskDefinitionArn"])
            essential = {item["name"] for item in definition["containerDefinitions"] if item["essential"]}
            if name in essential or all(item["lastStatus"] == "STOPPED" for item in task["containers"]):
                self.stop(task, "EssentialContainerExited", row.get("reason") or EXITED)
        self._state.save_task(task)
        self.changed(task)

    async def _stop(self, task: Doc) -> None:
        start = self._starts.get(task["taskArn"])
        if start is not None:
            await asyncio.wait([start])
        try:
            await self._leave_groups(task)
            self._move(task, "STOPPING")
            await asyncio.gather(*(self._stop_container(task, row) for row in task["containers"] if "runtimeId" in row))
            task["executionStoppedAt"] = time.time()
            made = [row["runtimeId"] for row in task["containers"] if "runtimeId" in row]
            await self._engine.call(self._shipper.finish, made)
            self._move(task, "DEPROVISIONING")
            await self.clear(task)
            for row in task["containers"]:
                row["lastStatus"] = "STOPPED"
        except asyncio.CancelledError:
            raise
        except Exception:  # logged; the task must not stay half-stopped
            LOG.exception("task %s does not stop cleanly", task["taskArn"])
            with contextlib.suppress(Exception):  # whatever failed, such as a write to a full disk
                await self.clear(task)
        finally:
            self._stops.pop(task["taskArn"], None)
            self._state.ctx.iam.sessions.end(owner(task))
        task["attachments"][0]["status"] = "DELETED"
        self._move(task, "STOPPED", stoppedAt=time.time())
        try:
            await self._maker.left(task)
        except Exception:  # logged; the task has stopped, and the next last one tries again
            LOG.exception("the proxy of the tasks' metadata is not removed")

    async def _leave_groups(self, task: Doc) -> None:
        """Deregister the task's targets and wait until they are drained."""
        targets = [
            (target["group"], task["address"], target["port"])
            for target in task.get("targets", [])
            if "address" in task
        ]
        if not targets:
            return
        self._move(task, "DEACTIVATING")
        for target in targets:
            await self._targets.deregister(*target)
        while any(self._targets.state(*target) is not None for target in targets):  # noqa: ASYNC110  another service's
            await asyncio.sleep(DRAIN_POLL_SECONDS)

    async def _stop_container(self, task: Doc, row: Doc) -> None:
        definition = self._state.definition(task["taskDefinitionArn"])
        container = next(item for item in definition["containerDefinitions"] if item["name"] == row["name"])
        with contextlib.suppress(docker.errors.NotFound):
            seconds = container.get("stopTimeout", containers.STOP_SECONDS)
            await self._engine.insist(self._engine.client.api.stop, row["runtimeId"], timeout=seconds)
            if row["lastStatus"] != "STOPPED":
                ended(row, await self._maker.inspected(row["runtimeId"]))

    async def clear(self, task: Doc) -> None:
        """Remove a task's containers and volumes."""
        names = [*(row["name"] for row in task["containers"]), containers.PAUSE]
        for name in names:
            await self._engine.remove(containers.docker_name(task, name))
        definition = self._state.definition(task["taskDefinitionArn"])
        for volume in definition["volumes"]:
            with contextlib.suppress(docker.errors.APIError):
                await self._engine.insist(
                    self._engine.client.api.remove_volume, containers.volume_name(task, volume["name"]), force=True
                )

    def _move(self, task: Doc, status: str, **more: object) -> None:
        task.update(lastStatus=status, **more)
        self._state.save_task(task)
        self.changed(task)


def go_on(task: Doc) -> None:
    """Abort the start of a task that is to be stopped.

    Raises:
        InterruptedError: the task is to be stopped.
    """
    if task["desiredStatus"] == "STOPPED":
        raise InterruptedError


def ended(row: Doc, state: dict[str, Any]) -> None:
    """Record a container's exit."""
    row.update(lastStatus="STOPPED", exitCode=state["ExitCode"])
    if state.get("OOMKilled"):
        row["reason"] = "OutOfMemoryError: Container killed due to memory usage"


def health(task: Doc) -> str:
    """Return a task's health status from its containers with a health check."""
    checked = [row.get("healthStatus", "UNKNOWN") for row in task["containers"] if row["checked"]]
    if "UNHEALTHY" in checked:
        return "UNHEALTHY"
    return "HEALTHY" if checked and all(status == "HEALTHY" for status in checked) else "UNKNOWN"
