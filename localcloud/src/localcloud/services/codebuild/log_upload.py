"""Upload of a build's log lines to CloudWatch Logs while the build runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.services.clients import client
from localcloud.services.ecs.logs import put
from localcloud.settings import NAME

if TYPE_CHECKING:
    from localcloud.docker_engine.service_containers import ServiceContainers
    from localcloud.services.codebuild.state import State
    from localcloud.services.codebuild.transcript import Line
    from localcloud.state.table import Doc

BATCH_SECONDS = 0.25
BATCH_LINES = 500
BATCH_BYTES = 500_000
TEXT_AT_MOST = 200_000
TRIES = 3
LOG = logging.getLogger(__name__)


class Shipment:
    """The upload to one build's log stream.

    A resumed build produces all its lines again; as many lines as the stream already has are skipped.
    """

    def __init__(self, state: State, engine: ServiceContainers, build: Doc) -> None:
        """Initialize with the build; nothing is uploaded before `start`."""
        self._state, self._engine, self._build = state, engine, build
        self.taken: list[Line] = []
        """The lines logged before those of the commands."""
        self._lines: list[Line] = []
        self._skip = 0
        self._wake, self._urgent = asyncio.Event(), asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start uploading."""
        logs = self._build["logs"]
        if logs.get("groupName"):
            self._skip = await self._engine.call(length, self._state, logs["groupName"], logs["streamName"])
        self._task = asyncio.create_task(self._run())

    def add(self, rows: list[Line]) -> None:
        """Queue lines for upload."""
        if self._build["_stage"] == "queued":
            self.taken += rows
        skipped = min(self._skip, len(rows))
        self._skip -= skipped
        self._lines += rows[skipped:]
        if self._lines:
            self._wake.set()

    async def close(self) -> None:
        """Upload the remaining lines and persist them."""
        self._closing = True
        self._urgent.set()
        self._wake.set()
        if self._task is not None:
            await self._task
        if self._build["logs"].get("groupName"):
            await self._engine.call(keep, self._state, self._build["logs"]["groupName"])

    def cancel(self) -> None:
        """Stop uploading; a later replay uploads the rest."""
        if self._task is not None:
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
                    await self._engine.call(put, api, logs["groupName"], logs["streamName"], events)
                    break
                except api.exceptions.ResourceNotFoundException:
                    break  # the log group was deleted
                except (ClientError, BotoCoreError) as error:
                    LOG.warning("%d lines of %s are not written (try %d): %s", len(batch), logs, attempt + 1, error)
                    await asyncio.sleep(BATCH_SECONDS)


def length(state: State, group: str, stream: str) -> int:
    """Return the number of lines in a stream, 0 if there is none. Blocking."""
    api, count, token = client(state.ctx, "logs"), 0, ""
    while True:
        more = {"nextToken": token} if token else {}
        try:
            answer = api.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **more)
        except api.exceptions.ResourceNotFoundException:
            return 0
        count += len(answer["events"])
        if not answer["events"] or answer["nextForwardToken"] == token:
            return count
        token = answer["nextForwardToken"]


def keep(state: State, group: str) -> None:
    """Persist the log to disk now: lines alone are flushed once a second, any other change immediately. Blocking."""
    arn = f"arn:aws:logs:{state.ctx.region}:{state.ctx.account}:log-group:{group}"
    with contextlib.suppress(ClientError, BotoCoreError):
        client(state.ctx, "logs").untag_resource(resourceArn=arn, tagKeys=[f"{NAME}:none"])
