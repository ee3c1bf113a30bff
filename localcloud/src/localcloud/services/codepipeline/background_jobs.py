"""Work in threads, by name, whose result is looked at later: the engine never waits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Background:
    """Threads under way by key; nothing of it survives the process."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """Take what to call when something is done."""
        self._wake = wake
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    def has(self, key: str) -> bool:
        """Return whether work of that key is under way or its result not taken."""
        return key in self._tasks

    def start(self, key: str, work: Callable[..., Any], *arguments: object) -> None:
        """Start work in a thread."""
        task = asyncio.create_task(asyncio.to_thread(work, *arguments))
        task.add_done_callback(lambda _: self._wake())
        self._tasks[key] = task

    def taken(self, key: str) -> tuple[bool, Any]:
        """Return whether the work is done and its result, which is forgotten; raises what the work raised."""
        task = self._tasks[key]
        if not task.done():
            return False, None
        del self._tasks[key]
        return True, task.result()

    def forget(self, key: str) -> None:
        """Do not look at a result any more."""
        task = self._tasks.pop(key, None)
        if task is not None:
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
