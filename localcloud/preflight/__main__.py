"""`python3 -m localcloud.preflight TARGET...`: what make's targets need of this machine; the Makefile starts it."""

from __future__ import annotations

import sys

from localcloud import daemon
from localcloud.preflight import look
from localcloud.settings import UserError, load

RUNS = {"up", "demo", "test", "faults", "bench"}
"""The targets that start a local cloud; the others need what `make setup` makes."""
TESTS = {"test"}
"""Those that install and start a Docker Engine without asking."""


def say(line: str) -> None:
    """Print a line of progress at once."""
    print(f"setup: {line}", flush=True)


def main(targets: set[str]) -> int:
    """Look at what the targets need; return the exit code."""
    checks = look.SETUP + (look.CONTAINERS if targets & RUNS else ())
    try:
        yes = daemon.allowed(yes=bool(targets & TESTS))
        return look.report("setup", look.require(checks, load(), yes=yes, say=say))
    except (UserError, RuntimeError) as error:  # the latter: a user without a home
        return look.report("setup", [str(error)])
    except (KeyboardInterrupt, EOFError):
        return look.report("setup", ["interrupted; nothing was changed, running it again goes on"])


if __name__ == "__main__":
    sys.exit(main(set(sys.argv[1:])))
