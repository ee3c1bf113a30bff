"""`python3 -m tools.preflight TARGET...`: check make targets' prerequisites on this machine; called by the Makefile."""

from __future__ import annotations

import sys

from localcloud.docker_engine import daemon
from localcloud.preflight import look
from localcloud.settings import UserError, load
from tools.preflight import programs

SETUP = (programs.git, programs.environments, programs.toolchain)
"""What `make setup` needs."""
CHECKS = {
    "up": look.LOCAL_CLOUD,
    "demo": look.LOCAL_CLOUD,
    "test": look.CONTAINERS,
    "faults": look.CONTAINERS,
    "bench": look.CONTAINERS,
}
"""What targets need beside what `make setup` does."""
TEST = "test"
"""The target that installs and starts a Docker Engine without asking."""


def say(line: str) -> None:
    """Print a line of progress and flush it."""
    print(f"setup: {line}", flush=True)


def main(targets: list[str]) -> int:
    """Check the prerequisites of the targets; return the exit code."""
    more = [check for target in targets for check in CHECKS.get(target, ())]
    checks = (*SETUP, *dict.fromkeys(more))
    try:
        yes = daemon.allowed(yes=TEST in targets)
        return look.report("setup", look.require(checks, load(), yes=yes, say=say))
    except (UserError, RuntimeError) as error:  # RuntimeError: the user has no home directory
        return look.report("setup", [str(error)])
    except (KeyboardInterrupt, EOFError):
        return look.report("setup", ["interrupted; nothing was changed, running it again goes on"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
