"""The Docker daemon's event stream, with reconnection after restarts of the daemon."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 1.0, 30.0
"""Exponential backoff between attempts to connect."""
LOG = logging.getLogger(__name__)


class Stream(Protocol):
    """A response of Docker's events API; ends, or raises, when the daemon stops."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over the events, blocking until the next one."""

    def close(self) -> None:
        """End the iteration."""


class EventStream:
    """A thread that passes on events and reconnects whenever the stream ends."""

    def __init__(
        self,
        connect: Callable[[], Stream],
        handle: Callable[[dict[str, Any]], object],
        reconnected: Callable[[], object],
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """Initialize; nothing runs before `start`.

        Args:
            connect: opens Docker's event stream; raises if the daemon does not respond.
            handle: called with each event.
            reconnected: called after each reconnection, to make up for missed events.
            wait: waits for the given seconds before the next attempt; returns early when the stream is closed.
        """
        self._connect, self._handle, self._reconnected = connect, handle, reconnected
        self._closed = threading.Event()
        self._wait = wait or self._closed.wait
        self._stream: Stream | None = None

    def start(self, name: str) -> None:
        """Follow the events in a thread with that name."""
        threading.Thread(target=self.follow, daemon=True, name=name).start()

    def follow(self) -> None:
        """Follow the events until `close`."""
        delay, lost = FIRST_DELAY_SECONDS, False
        while not self._closed.is_set():
            try:
                self._stream = self._connect()
                if lost:
                    LOG.warning("Docker's events come again")
                    self._reconnected()
                lost, delay = True, FIRST_DELAY_SECONDS
                for event in self._stream:
                    self._handle(event)
                reason = "the stream ended"
            except Exception as error:  # noqa: BLE001 - requests, urllib3, docker and json each raise their own errors
                lost, reason = True, f"{type(error).__name__}: {error}"
            if self._closed.is_set():
                return
            LOG.warning("Docker's events do not come (%s); connecting again in %.0f s", reason, delay)
            self._wait(delay)
            delay = min(delay * 2, LONGEST_DELAY_SECONDS)

    def close(self) -> None:
        """Stop the thread."""
        self._closed.set()
        if self._stream is not None:
            with contextlib.suppress(OSError, ValueError, AttributeError):  # the connection is already closed
                self._stream.close()
