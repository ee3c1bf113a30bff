"""The local cloud's own virtual environment, `.localcloud/venv`: made or renewed when its requirements change."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
REQUIREMENTS = REPOSITORY / "localcloud" / "requirements.txt"


def folder() -> Path:
    """Return the virtual environment's folder: under SLIPWAY_STATE where that is set."""
    return Path(os.environ.get("SLIPWAY_STATE") or REPOSITORY / ".localcloud") / "venv"


def make() -> int:
    """Make the virtual environment unless it is the right one already; returns the exit code."""
    code: int = runpy.run_path(str(REPOSITORY / "tools" / "make_venv.py"))["main"]([str(folder()), str(REQUIREMENTS)])
    return code
