"""How tests wait. The limit only ends a test that would wait for ever: how long things take is for `make bench`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_SECONDS = 120
Found = TypeVar("Found")


def until(what: Callable[[], Found | None], told: Callable[[], object] = str) -> Found:
    """Ask ten times a second until the answer is true; returns the answer.

    Args:
        what: the question.
        told: what there is to say where the answer never was true.

    Raises:
        AssertionError: it was not true within two minutes.
    """
    end = time.monotonic() + LIMIT_SECONDS
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < end, f"not within {LIMIT_SECONDS} s: {told()}"
        time.sleep(0.1)
