"""The local cloud's environment variables in this repository: its names and the location of its state.

Standard library only, since nothing may be installed yet.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "localcloud" / "src"
SETTINGS = ("PORT", "STATE", "NETWORK", "CACHE", "IMAGES", "NEW_ACCOUNT")
"""What a developer may set as SLIPWAY_PORT and the like; LOCALCLOUD_PORT, where it is set too, wins."""


def apply() -> None:
    """Set the local cloud's environment variables, and make its package importable here and in child processes."""
    for name in SETTINGS:
        if value := os.environ.pop(f"SLIPWAY_{name}", ""):
            os.environ.setdefault(f"LOCALCLOUD_{name}", value)
    os.environ.setdefault("LOCALCLOUD_NAME", "slipway")
    os.environ.setdefault("LOCALCLOUD_STATE", str(ROOT / ".localcloud"))
    os.environ.setdefault("LOCALCLOUD_COMMAND", "bin/localcloud")
    paths = [str(ROOT), str(SOURCE)]
    known = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join([*paths, *(path for path in known if path and path not in paths)])
    sys.path.extend(path for path in paths if path not in sys.path)
