"""The Docker daemon's events, followed for as long as somebody listens: over restarts of the daemon too."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 1.0, 30.0
"""Before connecting again: twice as long after each failure in a row."""
LOG = logging.getLogger(__name__)


class Stream(Protocol):
    """An answer of Docker's events API: ends, or raises, when the daemon stops."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Return the events, blocking until the next one."""

    def close(self) -> None:
        """End the iteration."""


class EventStream:
    """A thread that hands on events and connects again whenever the stream ends."""

    def __init__(
        self,
        connect: Callable[[], Stream],
        handle: Callable[[dict[str, Any]], object],
        reconnected: Callable[[], object],
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """Take what to do; nothing runs before `start`.

        Args:
            connect: asks Docker for events; raises where it does not answer.
            handle: takes each event.
            reconnected: called after a new connection is made, for what happened while there was none.
            wait: waits for so many seconds before the next attempt; ends early when the stream is closed.
        """
        self._connect, self._handle, self._reconnected = connect, handle, reconnected
        self._closed = threading.Event()
        self._wait = wait or self._closed.wait
        self._stream: Stream | None = None

    def start(self, name: str) -> None:
        """Follow the events in a thread of that name."""
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
            except Exception as error:  # noqa: BLE001 - requests, urllib3, docker and JSON each raise their own
                lost, reason = True, f"{type(error).__name__}: {error}"
            if self._closed.is_set():
                return
            LOG.warning("Docker's events do not come (%s); connecting again in %.0f s", reason, delay)
            self._wait(delay)
            delay = min(delay * 2, LONGEST_DELAY_SECONDS)

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        if self._stream is not None:
            with contextlib.suppress(OSError, ValueError, AttributeError):  # the connection is gone already
                self._stream.close()
