"""The awslogs log driver: streams containers' output to CloudWatch Logs."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from localcloud.services.clients import client
from localcloud.services.ecs.state import LOG_MARKS

if TYPE_CHECKING:
    import docker

    from localcloud.services.ecs.state import State
    from localcloud.state.table import Doc

BATCH_SECONDS = 0.3
BATCH_EVENTS = 500
DONE_SECONDS = 3.0
TEXT_AT_MOST = 200_000
Entry = tuple[str, str, str, str]
"""Log group, log stream, Docker's timestamp, message."""
LOG = logging.getLogger(__name__)


class Shipper:
    """A reader thread per container and one sender thread."""

    def __init__(self, state: State, daemon: docker.DockerClient) -> None:
        """Use ECS's documents (for each log stream's position) and Docker."""
        self._state, self._docker = state, daemon
        self._queue: queue.Queue[Entry | threading.Event | None] = queue.Queue()
        self._readers: dict[str, threading.Event] = {}
        self._sender: threading.Thread | None = None

    def start(self) -> None:
        """Start the sender thread."""
        self._sender = threading.Thread(target=self._send, daemon=True, name="awslogs")
        self._sender.start()

    def stop(self) -> None:
        """Let the sender thread end after its queue is empty; readers end with their containers or the process."""
        self._queue.put(None)

    def follow(self, container_id: str, task: Doc, container: Doc) -> None:
        """Start shipping a container's log from its last position; do not wait."""
        options = (container.get("logConfiguration") or {}).get("options", {})
        if not options.get("awslogs-group") or container_id in self._readers:
            return
        stream = f"{container['name']}/{task['taskArn'].rpartition('/')[2]}"
        prefix = options.get("awslogs-stream-prefix")
        stream = f"{prefix}/{stream}" if prefix else stream
        done = self._readers[container_id] = threading.Event()
        arguments = (container_id, options["awslogs-group"], stream, done)
        threading.Thread(target=self._read, args=arguments, daemon=True, name=f"log {stream}").start()

    def finish(self, container_ids: list[str]) -> None:
        """Wait up to 3 s for the logs of stopped containers to be sent. Blocking."""
        end = time.monotonic() + DONE_SECONDS
        for container_id in container_ids:
            done = self._readers.pop(container_id, None)
            if done is not None:
                done.wait(max(end - time.monotonic(), 0))
        sent = threading.Event()
        self._queue.put(sent)
        sent.wait(max(end - time.monotonic(), 0))

    def _read(self, container_id: str, group: str, stream: str, done: threading.Event) -> None:
        shipped = (self._state.ctx.store.get(LOG_MARKS, f"{group}|{stream}") or {}).get("until", "")
        arguments: dict[str, Any] = {"since": moment(shipped)} if shipped else {}
        with contextlib.suppress(Exception):  # the container is gone or the daemon stops
            for chunk in self._docker.api.logs(
                container_id, stream=True, follow=True, timestamps=True, stdout=True, stderr=True, **arguments
            ):
                for line in chunk.decode(errors="replace").splitlines():
                    stamp, _, text = line.partition(" ")
                    if stamp > shipped:
                        self._queue.put((group, stream, stamp, text[:TEXT_AT_MOST]))
        done.set()

    def _send(self) -> None:
        while True:
            item = self._queue.get()
            batch: list[Entry] = []
            marks: list[threading.Event] = []
            end = time.monotonic() + BATCH_SECONDS
            while item is not None:
                if isinstance(item, threading.Event):
                    marks.append(item)
                    break
                batch.append(item)
                if len(batch) >= BATCH_EVENTS:
                    break
                try:
                    item = self._queue.get(timeout=max(end - time.monotonic(), 0))
                except queue.Empty:
                    break
            self._put(batch)
            for mark in marks:
                mark.set()
            if item is None:
                return

    def _put(self, batch: list[Entry]) -> None:
        for group, stream in dict.fromkeys((entry[0], entry[1]) for entry in batch):
            rows = [entry for entry in batch if (entry[0], entry[1]) == (group, stream)]
            events = [{"timestamp": int(moment(stamp) * 1000), "message": text or " "} for _, _, stamp, text in rows]
            try:
                put(client(self._state.ctx, "logs"), group, stream, events)
                self._state.ctx.store.put(LOG_MARKS, f"{group}|{stream}", {"until": rows[-1][2]})
            except Exception as error:  # noqa: BLE001  a log that cannot be written must not end the thread
                LOG.warning("%d lines of %s %s are lost: %s", len(rows), group, stream, error)


def put(logs: Any, group: str, stream: str, events: list[dict[str, Any]]) -> None:
    """Write events, creating the log stream if it does not exist."""
    events.sort(key=lambda event: int(event["timestamp"]))
    try:
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    except logs.exceptions.ResourceNotFoundException:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def moment(stamp: str) -> float:
    """Return Docker's timestamp (nanoseconds, UTC) as seconds since 1970."""
    return datetime.fromisoformat(f"{stamp[:26]}+00:00").timestamp()
