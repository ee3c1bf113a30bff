"""`bin/localcloud`: the local cloud's command line in the virtual environment of its own, with this repository's names.

`setup` makes that environment, `.localcloud/venv`; all else is the local cloud's.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tools import make_venv
from tools.local_settings import ROOT

REQUIREMENTS = ROOT / "localcloud" / "requirements.txt"


def folder() -> Path:
    """Return the virtual environment's folder, below the state's."""
    return Path(os.environ["LOCALCLOUD_STATE"]) / "venv"


def main(arguments: list[str]) -> int:
    """Become the local cloud's command line; returns 1, with one line on stderr, where it cannot be."""
    if arguments == ["setup"]:
        return make_venv.main([str(folder()), str(REQUIREMENTS)])
    python = folder() / "bin" / "python"
    if not os.access(python, os.X_OK):
        print(f"localcloud: {python} is missing; run: make setup", file=sys.stderr)
        return 1
    os.execv(python, [str(python), "-m", "localcloud", *arguments])  # noqa: S606 - no shell is meant
    return 1  # never: this process is another program by now


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
