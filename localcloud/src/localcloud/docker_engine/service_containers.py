"""Docker for the services' event loops: calls in a thread pool, labels, and the daemon's events."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import docker
import requests

from localcloud.docker_engine.event_stream import EventStream
from localcloud.settings import LABEL, NETWORK_LABEL, label

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from docker.models.containers import Container

    from localcloud.context import Context

KIND = label("kind")
THREADS = 32
AWAY_SECONDS = 1
"""Delay between retries while the Docker daemon is unavailable."""
Result = TypeVar("Result")
LOG = logging.getLogger(__name__)


class ServiceContainers:
    """Asynchronous access of one service to its containers."""

    def __init__(self, ctx: Context, kind: str) -> None:
        """Take the context and the kind of container that the service runs ("task", "balancer")."""
        self.client: docker.DockerClient = ctx.docker
        self.network, self.kind = ctx.network, kind
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix=f"docker-{kind}")
        self._events: EventStream | None = None

    async def call(self, function: Callable[..., Result], *args: object, **kwargs: object) -> Result:
        """Run a blocking call in a thread and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(function, *args, **kwargs))

    async def insist(self, function: Callable[..., Result], *args: object, **kwargs: object) -> Result:
        """Run a call as `call` does, with retries while the Docker daemon is unavailable; it must be idempotent."""
        told = False
        while True:
            try:
                return await self.call(function, *args, **kwargs)
            except requests.exceptions.ConnectionError:
                if not told:  # once per outage
                    LOG.warning("the Docker daemon does not answer; %s is tried until it does", function.__name__)
                told = True
                await asyncio.sleep(AWAY_SECONDS)

    def labels(self, **more: str) -> dict[str, str]:
        """Return the labels of a container; keyword `task` becomes the label `<name>.task`."""
        own = {LABEL: "1", NETWORK_LABEL: self.network, KIND: self.kind}
        return own | {label(key): value for key, value in more.items()}

    async def containers(self) -> list[Container]:
        """Return all containers of this kind in this local cloud, running or stopped."""
        labels = [f"{key}={value}" for key, value in self.labels().items()]
        found: list[Container] = await self.call(
            self.client.containers.list, all=True, filters={"label": labels}, ignore_removed=True
        )
        return found

    async def remove(self, container: str) -> None:
        """Kill and remove a container, by name or id, with its anonymous volumes; a missing one is fine."""
        with contextlib.suppress(docker.errors.NotFound):
            await self.insist(self.client.api.remove_container, container, force=True, v=True)

    def watch(self, react: Callable[[dict[str, Any]], None], reconcile: Callable[[], Awaitable[None]]) -> None:
        """Follow Docker's events of containers of this kind until `close`.

        Args:
            react: called on the event loop with each event.
            reconcile: awaited on the event loop after a reconnection, since events may have been missed.
        """
        loop = asyncio.get_running_loop()
        labels = [f"{key}={value}" for key, value in self.labels().items()]

        async def catch_up() -> None:
            try:
                await reconcile()
            except Exception:  # logged; the next reconnect or poll tries again
                LOG.exception("reconciling %s containers with Docker failed", self.kind)

        self._events = EventStream(
            connect=lambda: self.client.api.events(decode=True, filters={"type": "container", "label": labels}),
            handle=lambda event: loop.call_soon_threadsafe(react, event),
            reconnected=lambda: asyncio.run_coroutine_threadsafe(catch_up(), loop),
        )
        self._events.start(f"docker-{self.kind}-events")

    async def close(self) -> None:
        """Stop following events; calls in progress are not cancelled."""
        if self._events is not None:
            await self.call(self._events.close)
        self._pool.shutdown(wait=False, cancel_futures=True)
