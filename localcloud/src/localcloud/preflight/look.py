"""Looks at everything that a command needs, tells all of it at once, asks what has to be asked, or refuses."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from localcloud.docker_engine import dockerd
from localcloud.preflight import containers, room
from localcloud.preflight.findings import Finding, Leave, Problem, Room, Step, Warned
from localcloud.settings import Settings, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Check = Callable[[Settings], Iterator[Finding]]

CONTAINERS: tuple[Check, ...] = (containers.engine, containers.memory)
"""What any local cloud needs: those of tests, whose ports and networks are their own."""
LOCAL_CLOUD: tuple[Check, ...] = (*CONTAINERS, containers.port, containers.docker_network)
"""What the local cloud itself needs."""


def require(checks: tuple[Check, ...], settings: Settings, *, yes: bool, say: Callable[[str], None]) -> list[str]:
    """Look at everything at once; where nothing is wrong, say what will be done and have a Docker Engine running.

    Args:
        checks: what to look at.
        settings: of this local cloud.
        yes: leave to install and start a Docker Engine is given.
        say: takes lines of progress.

    Returns:
        What stops the command, a line each; empty where nothing does.
    """
    found = findings(checks, settings)
    problems = [item.text for item in found if isinstance(item, Problem)]
    problems += room.shortages([item for item in found if isinstance(item, Room)])
    leaves = [] if yes else [item for item in found if isinstance(item, Leave)]
    if not sys.stdin.isatty():
        problems += [f"{leave.lack}; leave to {leave.what} is needed: set YES=1, or start Docker" for leave in leaves]
    for item in found:
        if isinstance(item, Warned):
            say(f"warning: {item.text}")
    if problems:
        return problems
    tell([item for item in found if isinstance(item, Step)], say)
    for leave in leaves:
        if input(f"{leave.lack}; {leave.what} now? [y/N] ").strip().lower() not in ("y", "yes"):
            return [f"{leave.lack} and leave to {leave.what} was not given: start Docker, then run this again"]
    if any(isinstance(item, Leave) for item in found):
        try:
            dockerd.ensure(settings, say)
        except UserError as error:
            return [str(error)]
    return []


def findings(checks: tuple[Check, ...], settings: Settings) -> list[Finding]:
    """Return what all the checks find, in their order; they look at the same time, as some wait for the network."""

    def collect(check: Check) -> list[Finding]:
        found: list[Finding] = []
        try:
            found.extend(check(settings))
        except (UserError, OSError, RuntimeError) as error:  # the last: a user without a home
            found.append(Problem(str(error)))
        return found

    with ThreadPoolExecutor(len(checks)) as pool:
        return list(dict.fromkeys(item for found in pool.map(collect, checks) for item in found))


def tell(steps: list[Step], say: Callable[[str], None]) -> None:
    """Say what will be done and about how long it takes, where it takes long."""
    if seconds := sum(step.seconds for step in steps):
        say(f"to do first, once, in about {-(-seconds // 60)} min on two cores:")
    for step in steps:
        say(f"  {step.text} ({duration(step.seconds)})")


def duration(seconds: int) -> str:
    """Return a time as people say it."""
    return f"{seconds} s" if seconds < 120 else f"up to {seconds // 60} min"  # noqa: PLR2004 - two minutes


def report(prefix: str, problems: list[str]) -> int:
    """Print what stops a command, a line each on standard error; return the exit code."""
    for problem in problems:
        print(f"{prefix}: {' '.join(problem.split())}", file=sys.stderr)
    return 1 if problems else 0
