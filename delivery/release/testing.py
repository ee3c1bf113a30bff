"""Test: each service's own unit and integration tests, by `<context>/bin/test`, in containers of their own.

A service's part of the contract: `bin/test unit`, `bin/test integration` and `bin/test acceptance` exit with 0 when
the tests passed, or when there are none; JUnit reports are copied to $REPORTS; the stack's build arguments, COMMIT,
SERVICE and, for acceptance, APP_IMAGE are given as environment variables. Several runs at once on one Docker Engine
do not disturb one another. See docs/application.md.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from delivery import process
from delivery.errors import DeliveryError
from delivery.process import ProgramError

if TYPE_CHECKING:
    from pathlib import Path

    from delivery.console import Say
    from delivery.environment import Environment, Service

KINDS = ("unit", "integration")
NEEDED = "a service's image context brings its own tests: bin/test unit|integration|acceptance (docs/application.md)"


# CodeBuild fails a build for which a report that its buildspec names was not written.
NO_TESTS = (
    '<?xml version="1.0" encoding="utf-8"?>\n<testsuites><testsuite name="{kind}" tests="1" skipped="1" failures="0" '
    'errors="0"><testcase classname="{kind}" name="no report"><skipped message="the application wrote no {kind}.xml"/>'
    "</testcase></testsuite></testsuites>\n"
)
NO_COVERAGE = (
    '<?xml version="1.0" encoding="utf-8"?>\n<coverage line-rate="0" branch-rate="0" version="1" timestamp="0" '
    'lines-covered="0" lines-valid="1"><packages><package name="not-measured" line-rate="0" branch-rate="0"><classes>'
    '<class name="not-measured" filename="not-measured" line-rate="0" branch-rate="0"><methods/><lines>'
    '<line number="1" hits="0"/></lines></class></classes></package></packages></coverage>\n'
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Workplace:
    """Where work is done: `root`, which image contexts are relative to, `reports` for JUnit results per service."""

    root: Path
    reports: Path
    say: Say


def run(environment: Environment, commit: str, place: Workplace) -> None:
    """Run the unit and then the integration tests of every service; those of one context once.

    Args:
        environment: whose services' build arguments are used.
        commit: what COMMIT is for the tests.
        place: where.

    Raises:
        ProgramError: the first tests that failed.
    """
    tested: list[tuple[str, dict[str, str]]] = []
    for service in environment.services:
        if (service.context, service.build_args) in tested:
            place.say(f"{service.name}: its tests are those of {service.context}, which have passed")
            continue
        for kind in KINDS:
            script(service, kind, {"COMMIT": commit}, place)
        tested.append((service.context, service.build_args))


def script(service: Service, kind: str, variables: dict[str, str], place: Workplace) -> None:
    """Run one kind of tests of a service.

    Raises:
        DeliveryError: there is no such program.
        ProgramError: it failed; the tests' own output is above, or the failing step of the image that they need.
    """
    program = process.require(place.root / service.context / "bin" / "test", NEEDED)
    if not os.access(program, os.X_OK):
        raise DeliveryError(f"{program} cannot be run: let its first line begin with #! and run: chmod +x '{program}'")
    folder = (place.reports / service.name).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    place.say(f"{service.name}: {kind} tests")
    try:
        process.show(
            [str(program), kind],
            f"{service.name}: {kind} tests",
            {**service.build_args, **variables, "SERVICE": service.name, "REPORTS": str(folder)},
        )
    except ProgramError as failed:
        raise ProgramError(f"{failed}; reports: {folder}") from failed
    complete(folder, kind)
    place.say(f"{service.name}: {kind} tests passed")


def complete(folder: Path, kind: str) -> None:
    """Write the reports that tests which passed left out, so that the build does not fail for want of them.

    Args:
        folder: of the service's reports.
        kind: of the tests; coverage is the unit tests'.
    """
    missing = {f"{kind}.xml": NO_TESTS.format(kind=kind)} | ({"coverage.xml": NO_COVERAGE} if kind == "unit" else {})
    for name, text in missing.items():
        if not (folder / name).exists():
            (folder / name).write_text(text, "utf-8")
