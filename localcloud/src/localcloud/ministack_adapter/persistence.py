"""Keeps ministack's state on disk while it changes, so that a killed process loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from typing import TYPE_CHECKING

from localcloud.gateway.limits import LimitError

if TYPE_CHECKING:
    from collections.abc import Callable

READS = re.compile(
    r"(Get|List|Describe|Head|BatchGet|Lookup|Search|Filter|Query|Check|Simulate|Verify|Validate|Preview"
    r"|GET |HEAD |OPTIONS )"
)
"""Beginnings of operations that change nothing."""
COALESCED = ("PutLogEvents", "PutMetricData")
"""Operations that come all the time: saved once a second, or less often where it takes long; a kill costs those."""
BY_THE_WAY = ("logs", "monitoring", "events", "sns", "sqs")
"""Services of these operations, and those that others' requests may change: saved together."""
SECONDS = 1.0
SHARE = 20
"""Logs that have grown for hours take long to save: that may take one second in so many."""


class Saver:
    """Saves a service right after each of its changes, before the client hears of it."""

    def __init__(self, save: Callable[[str], None]) -> None:
        """Save nothing yet.

        Args:
            save: writes one service's state, by SigV4 name.
        """
        self._save = save
        self._late: asyncio.Task[None] | None = None
        self._took = 0.0

    async def changed(self, service: str, operation: str) -> None:
        """Save the service if the operation may have changed it.

        Raises:
            LimitError: it cannot be written.
        """
        if READS.match(operation):
            return
        if operation not in COALESCED:
            self._save(service)
        if self._late is None or self._late.done():
            self._late = asyncio.create_task(self._save_late())

    async def _save_late(self) -> None:
        """Save, after a while, what need not be saved at once."""
        await asyncio.sleep(max(SECONDS, self._took * SHARE))
        self._late = None
        begun = time.monotonic()
        for service in BY_THE_WAY:
            with contextlib.suppress(LimitError):  # it is logged, and the next change tries again
                self._save(service)
        self._took = time.monotonic() - begun
