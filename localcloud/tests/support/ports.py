"""The ports of the local clouds that tests run: one for each of pytest's processes."""

from __future__ import annotations

import os

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def own(variable: str, first: int) -> str:
    """Return this process's port: `first` and those after it, or what the variable says for a second run beside it."""
    return os.environ.get(variable, str(first + WORKER))
