"""`python -m localcloud`: start, inspect, stop and reset the local cloud."""

from __future__ import annotations

import argparse
import os
import sys

NAMES = ("up", "status", "down", "reset", "env", "sweep", "clock", "connect", "emulate", "serve")
DESCRIPTION = """A local cloud: AWS services on this machine, with Docker.

  up      start it, or make sure that it runs: Docker Engine, network, base images, the process
  status  what runs
  env     variables that lead any AWS client to it, and the base images' names
  clock   let seconds pass for pipelines and builds: an approval expires without waiting for it
  connect make a connection to GitHub AVAILABLE: the click that AWS's console asks for, by name or ARN
  emulate let builds and tasks for linux/arm64 run on this x86 machine, by QEMU (root; 12 minutes and more once; the
          registration in the kernel lasts until the machine restarts)
  down    stop the process and all containers; state stays, and the next `up` brings everything back
  reset   remove everything: containers, volumes, pushed images, network, state
  sweep   list whatever is left in it: exit code 0 if nothing, else 1

Environment: LOCALCLOUD_NAME (localcloud: what names of containers, images and labels begin with), LOCALCLOUD_PORT
(4566), LOCALCLOUD_STATE (~/.local/state/NAME), LOCALCLOUD_NETWORK (NAME), LOCALCLOUD_CACHE (~/.cache/NAME),
LOCALCLOUD_IMAGES (public or stand-in instead of asking whether a registry can be reached)."""


def parser() -> argparse.ArgumentParser:
    """Return the argument parser."""
    top = argparse.ArgumentParser(
        prog=os.environ.get("LOCALCLOUD_COMMAND") or "python -m localcloud",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parsers = top.add_subparsers(dest="command", required=True, metavar="COMMAND", help=argparse.SUPPRESS)
    made = {name: parsers.add_parser(name) for name in NAMES}
    made["up"].add_argument("--yes", action="store_true", help="install and start a Docker Engine without asking")
    made["reset"].add_argument(
        "--all", action="store_true", help="base images, caches, virtual environment and our own Docker Engine too"
    )
    for name in ("status", "env", "sweep"):
        made[name].add_argument("--json", action="store_true", help="print JSON")
    made["clock"].add_argument("seconds", type=float, help="how many seconds pass at once")
    made["connect"].add_argument(
        "connection", help="name or ARN of a connection (aws codeconnections list-connections)"
    )
    made["emulate"].add_argument("--off", action="store_true", help="take it out of the kernel again")
    made["down"].description = (
        "Stops the process and its containers (tasks, load balancers, databases). Nothing is lost: databases keep "
        "their volumes, and the next `up` starts everything again."
    )
    made["reset"].description = "Removes everything that the local cloud holds, its stacks' state files included."
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code; errors are one line on standard error.

    The modes of sources, artifacts and images must not depend on the caller's umask; the state folder's own mode
    denies access to other users.
    """
    os.umask(0o022)
    options = parser().parse_args(arguments)
    try:
        from localcloud.commands import cli  # noqa: PLC0415  needs the virtual environment
        from localcloud.settings import UserError, load  # noqa: PLC0415 - needs the virtual environment
    except ModuleNotFoundError as error:
        print(
            f"localcloud: the module {error.name} is missing: install what localcloud/requirements.txt names",
            file=sys.stderr,
        )
        return 1
    try:
        return cli.run(options, load())
    except UserError as error:
        print(f"localcloud {options.command}: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"localcloud {options.command}: interrupted; running it again goes on", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
