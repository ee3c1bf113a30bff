"""A build's lines to CloudWatch Logs while they come."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.services.clients import client
from localcloud.services.ecs.logs import put

if TYPE_CHECKING:
    from localcloud.services.codebuild.state import State
    from localcloud.services.codebuild.transcript import Line
    from localcloud.services.docking import Docking
    from localcloud.services.table import Doc

BATCH_SECONDS = 0.25
PAUSE_SECONDS = 0.01
BATCH_LINES = 500
BATCH_BYTES = 500_000
TEXT_AT_MOST = 200_000
TRIES = 3
LOG = logging.getLogger(__name__)


class Shipment:
    """One build's log stream; how many lines it has is kept, so that a replay sends none twice."""

    def __init__(self, state: State, docking: Docking, build: Doc) -> None:
        """Start to send lines of the build, if it has a log group."""
        self._state, self._docking, self._build = state, docking, build
        self._lines: list[Line] = []
        self._skip = int((state.marks.get(build["id"]) or {}).get("lines", 0))
        self._sent = self._skip
        self._wake, self._urgent = asyncio.Event(), asyncio.Event()
        self._closing = False
        self._task = asyncio.create_task(self._run())

    def add(self, rows: list[Line]) -> None:
        """Take lines."""
        skipped = min(self._skip, len(rows))
        self._skip -= skipped
        self._lines += rows[skipped:]
        if self._lines:
            self._wake.set()

    async def begin(self) -> None:
        """Send what there is and count from here: a replay starts with the container's first line."""
        self._urgent.set()
        while self._lines:
            self._wake.set()
            await asyncio.sleep(PAUSE_SECONDS)
        self._urgent.clear()
        self._sent = self._skip = 0
        self._state.marks.put(self._build["id"], {"lines": 0})

    async def close(self) -> None:
        """Send what is left."""
        self._closing = True
        self._urgent.set()
        self._wake.set()
        await self._task

    def cancel(self) -> None:
        """Leave what is not sent to a later replay."""
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._lines:
                batch = self._batch()
                await self._send(batch)
                del self._lines[: len(batch)]
            if self._closing:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._urgent.wait(), BATCH_SECONDS)

    def _batch(self) -> list[Line]:
        size = 0
        rows: list[Line] = []
        for row in self._lines[:BATCH_LINES]:
            size += len(row[1])
            if rows and size > BATCH_BYTES:
                break
            rows.append(row)
        return rows

    async def _send(self, batch: list[Line]) -> None:
        logs: dict[str, Any] = self._build.get("logs") or {}
        if logs.get("groupName"):
            events = [{"timestamp": round(when * 1000), "message": text[:TEXT_AT_MOST] or " "} for when, text in batch]
            api = client(self._state.ctx, "logs")
            for attempt in range(TRIES):
                try:
                    await self._docking.call(put, api, logs["groupName"], logs["streamName"], events)
                    break
                except api.exceptions.ResourceNotFoundException:
                    break  # the log group is gone
                except (ClientError, BotoCoreError) as error:
                    LOG.warning("%d lines of %s are not written (try %d): %s", len(batch), logs, attempt + 1, error)
                    await asyncio.sleep(BATCH_SECONDS)
        self._sent += len(batch)
        self._state.marks.put(self._build["id"], {"lines": self._sent})
