"""Named background threads whose results are polled: the engine never blocks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Background:
    """Running threads by key; they do not survive the process."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """Initialize with the callback for when a thread finishes."""
        self._wake = wake
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    def has(self, key: str) -> bool:
        """Return whether work with that key is running or its result has not been taken."""
        return key in self._tasks

    def start(self, key: str, work: Callable[..., Any], *arguments: object) -> None:
        """Run work in a thread."""
        task = asyncio.create_task(asyncio.to_thread(work, *arguments))
        task.add_done_callback(lambda _: self._wake())
        self._tasks[key] = task

    def taken(self, key: str) -> tuple[bool, Any]:
        """Return whether the work is done, and its result, which is then removed; raise what the work raised."""
        task = self._tasks[key]
        if not task.done():
            return False, None
        del self._tasks[key]
        return True, task.result()

    def forget(self, key: str) -> None:
        """Discard a result."""
        task = self._tasks.pop(key, None)
        if task is not None:
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
