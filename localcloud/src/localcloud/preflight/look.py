"""The preflight run: all checks of a command at once, one report, requests for consent, or refusal."""

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
"""The checks for any local cloud, including those of tests, which have their own ports and networks."""
LOCAL_CLOUD: tuple[Check, ...] = (*CONTAINERS, containers.port, containers.docker_network)
"""The checks for the local cloud itself."""


def require(checks: tuple[Check, ...], settings: Settings, *, yes: bool, say: Callable[[str], None]) -> list[str]:
    """Run all checks; if none fails, announce the steps and ensure that a Docker Engine is running.

    Args:
        checks: the checks to run.
        settings: this local cloud's settings.
        yes: consent to installing and starting a Docker Engine.
        say: takes progress lines.

    Returns:
        The errors that stop the command, one line each.
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
    """Return the findings of all checks, in order; they run concurrently, since some wait for the network."""

    def collect(check: Check) -> list[Finding]:
        found: list[Finding] = []
        try:
            found.extend(check(settings))
        except (UserError, OSError, RuntimeError) as error:  # RuntimeError: the user has no home directory
            found.append(Problem(str(error)))
        return found

    with ThreadPoolExecutor(len(checks)) as pool:
        return list(dict.fromkeys(item for found in pool.map(collect, checks) for item in found))


def tell(steps: list[Step], say: Callable[[str], None]) -> None:
    """Announce the steps, and their approximate duration if it is long."""
    if seconds := sum(step.seconds for step in steps):
        say(f"to be prepared once, in about {-(-seconds // 60)} min on two cores:")
    for step in steps:
        say(f"  {step.text} ({duration(step.seconds)})")


def duration(seconds: int) -> str:
    """Return a duration as text."""
    return f"{seconds} s" if seconds < 120 else f"up to {seconds // 60} min"  # noqa: PLR2004 - two minutes


def report(prefix: str, problems: list[str]) -> int:
    """Print the errors that stop a command, one line each, on standard error; return the exit code."""
    for problem in problems:
        print(f"{prefix}: {' '.join(problem.split())}", file=sys.stderr)
    return 1 if problems else 0
