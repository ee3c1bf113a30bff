"""Waiting in tests. The limit only ends a test that would wait forever: `make bench` measures durations."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_SECONDS = 120
SHORTEST, LONGEST = 0.1, 0.5
"""Bounds of the polling interval, which is a tenth of the time waited so far to save processor time."""
Found = TypeVar("Found")


def until(what: Callable[[], Found | None], told: Callable[[], object] = str, limit: float = LIMIT_SECONDS) -> Found:
    """Poll with an increasing interval until the result is true; returns the result.

    Args:
        what: the function to poll.
        told: returns the message for a timeout.
        limit: the timeout in seconds.

    Raises:
        AssertionError: the result was not true within the limit.
    """
    begun = time.monotonic()
    while True:
        found = what()
        if found:
            return found
        waited = time.monotonic() - begun
        assert waited < limit, f"not within {limit} s: {told()}"
        time.sleep(min(LONGEST, max(SHORTEST, waited / 10)))
