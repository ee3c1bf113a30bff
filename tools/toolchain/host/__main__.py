"""Starts the host, or (--exec, --about) its child programs, which run by a project's interpreter."""

import importlib
import sys
from pathlib import Path

if not __package__:  # started by the folder's path: a project's interpreter cannot import `tools`
    sys.path[0] = str(Path(__file__).resolve().parents[1])

PARTS = {"--exec": "execute", "--about": "about"}


def main() -> int:
    """Dispatch on the first argument; return the exit code."""
    part = PARTS.get(sys.argv[1] if len(sys.argv) > 1 else "", "serve")
    status: int = importlib.import_module(f"host.{part}").main()
    return status


if __name__ == "__main__":
    sys.exit(main())
