"""The metrics of services: what Docker says that their tasks use of the CPU and memory that they reserve.

Source: ECS developer guide, "CloudWatch metrics": a service's utilization is what its tasks use, of what they reserve.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

import docker
import requests

if TYPE_CHECKING:
    from localcloud.docker_engine.service_containers import ServiceContainers
    from localcloud.services.ecs.state import State
    from localcloud.state.table import Doc

NAMESPACE = "AWS/ECS"
UNITS = 1024
"""CPU units of a vCPU."""
MIB = 1024**2
LOG = logging.getLogger(__name__)


class Metrics:
    """Publishes CPUUtilization and MemoryUtilization of every service, each minute."""

    def __init__(self, state: State, engine: ServiceContainers) -> None:
        """Use ECS's documents and Docker."""
        self._state, self._engine = state, engine
        self._cpu: dict[str, tuple[float, int]] = {}
        """When each container's CPU time was last read, and what it was, in nanoseconds."""

    async def publish(self, minute: float) -> None:
        """Publish a minute's data points; `minute` is when it began, in seconds since 1970."""
        tasks = [task for task in self._state.tasks.values() if is_measured(task)]
        used = await asyncio.gather(*(self._used(task) for task in tasks))
        rows = [(task["service"], *percents) for task, percents in zip(tasks, used, strict=True)]
        for key in {row[0] for row in rows}:
            if (service := self._state.services.get(key)) is not None:
                own = [row for row in rows if row[0] == key]
                self._put(service, "CPUUtilization", minute, [row[1] for row in own if row[1] is not None])
                self._put(service, "MemoryUtilization", minute, [row[2] for row in own])
        running = {row["runtimeId"] for task in tasks for row in task["containers"] if row.get("runtimeId")}
        self._cpu = {key: value for key, value in self._cpu.items() if key in running}

    def _put(self, service: Doc, name: str, minute: float, values: list[float]) -> None:
        if not values:
            return
        dimensions = {"ClusterName": service["clusterArn"].rpartition("/")[2], "ServiceName": service["serviceName"]}
        self._state.ctx.cloudwatch.publish(NAMESPACE, name, dimensions, minute, "Percent", values)

    async def _used(self, task: Doc) -> tuple[float | None, float]:
        """Return what a task uses of its CPU, None if it was not read before, and of its memory, in percent."""
        containers = [row["runtimeId"] for row in task["containers"] if row.get("runtimeId")]
        found = [await self._engine.call(self._read, key) for key in containers]
        rows = [(key, stats, time.time()) for key, stats in zip(containers, found, strict=True) if stats]
        memory = sum(memory_of(stats) for _, stats, _ in rows)
        shares = [share for key, stats, now in rows if (share := self._share(key, stats, now)) is not None]
        cpu = sum(shares) * 100 * UNITS / int(task["cpu"]) if len(shares) == len(containers) else None
        return cpu, memory * 100 / (int(task["memory"]) * MIB)

    def _read(self, container: str) -> dict[str, Any]:
        """Return a container's statistics, empty if it has none; blocking."""
        try:
            stats: dict[str, Any] = self._engine.client.api.stats(container, stream=False, one_shot=True)
        except (docker.errors.APIError, requests.exceptions.RequestException) as error:
            LOG.info("%s: no statistics: %s", container[:12], error)
            return {}
        return stats

    def _share(self, container: str, stats: dict[str, Any], now: float) -> float | None:
        """Return how many vCPUs a container has used on average since it was last read, None the first time."""
        total = int(stats["cpu_stats"]["cpu_usage"]["total_usage"])
        before = self._cpu.get(container)
        self._cpu[container] = (now, total)
        return None if before is None else max(total - before[1], 0) / 1e9 / max(now - before[0], 1.0)


def is_measured(task: Doc) -> bool:
    """Tell whether a task belongs to a service and runs."""
    return bool(task.get("service")) and task["lastStatus"] == "RUNNING"


def memory_of(stats: dict[str, Any]) -> int:
    """Return the memory that a container uses in bytes, without the cache of files, as `docker stats` shows it."""
    memory = stats.get("memory_stats") or {}
    own = memory.get("stats") or {}
    cache = own.get("total_inactive_file", own.get("inactive_file", 0))
    return max(int(memory.get("usage", 0)) - int(cache), 0)
