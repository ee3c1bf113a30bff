"""How tests wait. The limit only ends a test that would wait for ever: how long things take is for `make bench`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_SECONDS = 120
Found = TypeVar("Found")


def until(what: Callable[[], Found | None], told: Callable[[], object] = str, limit: float = LIMIT_SECONDS) -> Found:
    """Ask ten times a second until the answer is true; returns the answer.

    Args:
        what: the question.
        told: what there is to say where the answer never was true.
        limit: seconds after which a test has waited enough.

    Raises:
        AssertionError: it was not true within the limit.
    """
    end = time.monotonic() + limit
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < end, f"not within {limit} s: {told()}"
        time.sleep(0.1)
