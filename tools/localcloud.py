"""`bin/localcloud`: the local cloud's command line in its own virtual environment, with this repository's names.

`setup` creates that environment, `.localcloud/venv`; every other command is passed to the local cloud.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tools import make_venv
from tools.local_settings import ROOT

REQUIREMENTS = ROOT / "localcloud" / "requirements.txt"


def folder() -> Path:
    """Return the virtual environment's folder, inside the state folder."""
    return Path(os.environ["LOCALCLOUD_STATE"]) / "venv"


def main(arguments: list[str]) -> int:
    """Replace this process by the local cloud's command line; returns 1, with one line on stderr, on failure."""
    if arguments == ["setup"]:
        return make_venv.main([str(folder()), str(REQUIREMENTS)])
    python = folder() / "bin" / "python"
    if not os.access(python, os.X_OK):
        print(f"localcloud: {python} is missing; run: make setup", file=sys.stderr)
        return 1
    os.execv(python, [str(python), "-m", "localcloud", *arguments])  # noqa: S606 - no shell is meant
    return 1  # never reached: this process has been replaced


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
