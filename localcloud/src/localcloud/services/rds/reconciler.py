"""Reconciles the databases' containers with their documents."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any

from localcloud.docker_engine.network import release_address
from localcloud.services.rds import credentials, database
from localcloud.state.table import Table

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from localcloud.context import Context
    from localcloud.docker_engine.service_containers import ServiceContainers

READY_SECONDS = 120
POLL_SECONDS = 0.15
WATCH_SECONDS = 3.0
LOG = logging.getLogger(__name__)
Doc = dict[str, Any]


class Keeper:
    """Launches, watches and removes databases. `instances` has their documents, by identifier."""

    def __init__(self, ctx: Context, engine: ServiceContainers) -> None:
        """Load the documents from the store; nothing runs before `start`."""
        self._ctx, self._engine = ctx, engine
        self.instances = Table(ctx.store, "rds-instance")
        self._passwords = Table(ctx.store, "rds-first-password")
        self._tasks: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Resume interrupted work and watch running databases."""
        for instance in self.instances.values():
            identifier = instance["DBInstanceIdentifier"]
            if instance["DBInstanceStatus"] == "deleting":
                self._go(self.remove(identifier))
            elif instance["DBInstanceStatus"] != "stopped":
                self._go(self._bring_up(identifier))
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Stop watching."""
        for task in (*self._tasks, *([self._watching] if self._watching else [])):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def reset(self) -> None:
        """Remove every instance."""
        for identifier in list(self.instances.rows):
            await self.remove(identifier)

    def launch(self, instance: Doc, password: str) -> None:
        """Begin to create an instance's container; the status becomes "available" once the server is ready."""
        identifier = instance["DBInstanceIdentifier"]
        self._passwords.put(identifier, {"password": password})
        self.instances.put(identifier, instance)
        self._go(self._bring_up(identifier))

    def delete(self, identifier: str) -> None:
        """Begin to remove an instance."""
        self.set_status(identifier, "deleting")
        self._go(self.remove(identifier))

    def set_status(self, identifier: str, status: str) -> None:
        """Persist an instance's status."""
        instance = self.instances.get(identifier)
        if instance is not None and instance["DBInstanceStatus"] != status:
            instance["DBInstanceStatus"] = status
            self.instances.save(identifier)

    def restart(self, identifier: str) -> None:
        """Begin to restart an instance."""
        self.set_status(identifier, "rebooting")
        self._go(self._restart(identifier))

    async def _restart(self, identifier: str) -> None:
        await self._engine.call(database.stop, self._ctx, identifier)
        await self._bring_up(identifier)

    def halt(self, identifier: str) -> None:
        """Begin to stop an instance, until `resume`."""
        self.set_status(identifier, "stopping")
        self._go(self._halt(identifier))

    async def _halt(self, identifier: str) -> None:
        await self._engine.call(database.stop, self._ctx, identifier)
        self.set_status(identifier, "stopped")

    def resume(self, identifier: str) -> None:
        """Begin to start a stopped instance."""
        self.set_status(identifier, "starting")
        self._go(self._bring_up(identifier))

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _bring_up(self, identifier: str) -> None:
        """Run the container and wait for the server; record a failure in the document."""
        instance = self.instances.get(identifier)
        if instance is None:
            return
        first = (self._passwords.get(identifier) or {}).get("password")
        labels = self._engine.labels(database=identifier)
        try:
            await self._engine.call(database.run, self._ctx, instance, labels, first)
            await self._await_ready(instance)
            version = await self._engine.call(database.finish, self._ctx, instance)
        except Exception as error:  # any failure is shown in the instance's status
            LOG.exception("database %s did not start", identifier)
            text = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            instance["StatusInfos"] = [{"StatusType": "container", "Normal": False, "Status": "error", "Message": text}]
            self.set_status(identifier, "failed")
            return
        instance["EngineVersion"] = version
        instance.pop("StatusInfos", None)
        instance["DBInstanceStatus"] = "available"
        self.instances.save(identifier)
        self._passwords.delete(identifier)

    async def _await_ready(self, instance: Doc) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not await self._engine.call(database.is_ready, self._ctx, instance):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the server did not answer within {READY_SECONDS} s")
            await asyncio.sleep(POLL_SECONDS)

    async def _watch(self) -> None:
        """Restart databases whose containers have stopped."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            for instance in self.instances.values():
                identifier = instance["DBInstanceIdentifier"]
                if instance["DBInstanceStatus"] != "available":
                    continue
                try:
                    if not await self._engine.call(database.is_running, self._ctx, identifier):
                        LOG.warning("database %s is not running: starting it again", identifier)
                        await self._bring_up(identifier)
                except Exception as error:  # noqa: BLE001 - the other databases are watched all the same
                    LOG.warning("database %s cannot be looked at: %s", identifier, error)

    async def remove(self, identifier: str) -> None:
        """Remove an instance's container, volume, secret, address and document."""
        instance = self.instances.get(identifier)
        if instance is None:
            return
        name = database.name_of(self._ctx, identifier)
        await self._engine.call(database.remove, self._ctx, name)
        await self._engine.call(credentials.remove, self._ctx, instance)
        release_address(self._ctx, name)
        self._passwords.delete(identifier)
        self.instances.delete(identifier)
