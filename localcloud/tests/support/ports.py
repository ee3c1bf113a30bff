"""The ports of the tests' local clouds: one for each pytest process."""

from __future__ import annotations

import os

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def own(variable: str, first: int) -> str:
    """Return this process's port, counted from `first`, or from the variable for a second concurrent run."""
    return os.environ.get(variable, str(first + WORKER))
