"""How tests wait. The limit only ends a test that would wait for ever: how long things take is for `make bench`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_SECONDS = 120
SHORTEST, LONGEST = 0.1, 0.5
"""Seconds between two looks: a tenth of the time waited so far, within these, since each look is work for two cores."""
Found = TypeVar("Found")


def until(what: Callable[[], Found | None], told: Callable[[], object] = str, limit: float = LIMIT_SECONDS) -> Found:
    """Ask again and again, ever less often, until the answer is true; returns the answer.

    Args:
        what: the question.
        told: what there is to say where the answer never was true.
        limit: seconds after which a test has waited enough.

    Raises:
        AssertionError: it was not true within the limit.
    """
    begun = time.monotonic()
    while True:
        found = what()
        if found:
            return found
        waited = time.monotonic() - begun
        assert waited < limit, f"not within {limit} s: {told()}"
        time.sleep(min(LONGEST, max(SHORTEST, waited / 10)))
