"""The local cloud's own virtual environment, `.localcloud/venv`: made or renewed when its requirements change.

Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
REQUIREMENTS = REPOSITORY / "localcloud" / "requirements.txt"
SECONDS = 600
OLDEST = (3, 11)


def folder() -> Path:
    """Return the virtual environment's folder: under SLIPWAY_STATE where that is set."""
    return Path(os.environ.get("SLIPWAY_STATE") or REPOSITORY / ".localcloud") / "venv"


def fingerprint() -> str:
    """Return what the environment is made from: the requirements and Python's version."""
    return hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()


def make() -> int:
    """Make the virtual environment unless it is the right one already; returns the exit code.

    A half-made one has no mark and is made again.
    """
    if sys.version_info < OLDEST:
        print(f"localcloud setup: Python {sys.version.split()[0]} is too old: run it with Python 3.11", file=sys.stderr)
        return 1
    target, mark = folder(), folder() / "made-from"
    if mark.exists() and mark.read_text() == fingerprint():
        return 0
    print(f"localcloud: making {target} (about 15 s)", flush=True)
    shutil.rmtree(target, ignore_errors=True)
    venv.create(target, with_pip=True)
    done = subprocess.run(
        [target / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", REQUIREMENTS],
        capture_output=True, text=True, check=False, timeout=SECONDS,
    )  # fmt: skip
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"localcloud setup: pip install -r {REQUIREMENTS} failed: {last}", file=sys.stderr)
        return 1
    mark.write_text(fingerprint())
    return 0
