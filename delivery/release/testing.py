"""Test: the unit and integration tests of each service, run by `<context>/bin/test` in containers.

Without that program: the service's key `tests`, or its build stage `test`, or it is said that there are no tests.

A service's part of the contract: `bin/test unit`, `bin/test integration` and `bin/test acceptance` exit with 0 when
the tests passed, or when there are none; JUnit reports are copied to $REPORTS; the stack's build arguments, COMMIT,
SERVICE and, for acceptance, APP_IMAGE are given as environment variables. Several runs at once on one Docker Engine
do not disturb one another. See docs/application.md.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from contract import dockerfile, files
from delivery import failure, process
from delivery.errors import DeliveryError
from delivery.process import ProgramError
from delivery.release import suite_image
from delivery.release.suite_image import SuiteImage

if TYPE_CHECKING:
    from delivery.console import Say
    from delivery.environment import Environment, Service

FIRST_LINE = 4096
"""How many bytes of a program are read for its first line."""
KINDS = ("unit", "integration")
NEEDED = "a service's image context brings its own tests: bin/test unit|integration|acceptance (docs/application.md)"


# CodeBuild fails a build for which a report that its buildspec names was not written.
NO_TESTS = (
    '<?xml version="1.0" encoding="utf-8"?>\n<testsuites><testsuite name="{kind}" tests="1" skipped="1" failures="0" '
    'errors="0"><testcase classname="{kind}" name="no report"><skipped message="{reason}"/>'
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
    """The folders of a run: `root`, which image contexts are relative to, and `reports` for JUnit results."""

    root: Path
    reports: Path
    say: Say


def run(environment: Environment, commit: str, place: Workplace) -> None:
    """Run the unit and integration tests of every service, once per image context.

    Args:
        environment: whose services' build arguments are used.
        commit: what COMMIT is for the tests.
        place: where.

    Raises:
        ProgramError: the first tests that failed.
    """
    tested: list[tuple[object, ...]] = []
    for service in environment.services:
        what = (service.context, service.dockerfile, service.build_args, service.tests)
        if what in tested:
            place.say(f"{service.name}: its tests are those of {service.context}, which have passed")
        elif _of_service(service, commit, place):
            tested.append(what)


def _of_service(service: Service, commit: str, place: Workplace) -> bool:
    """Run the tests that a service brings: its `bin/test`, its key `tests`, or its build stage `test`.

    Returns:
        Whether there are any.
    """
    if _program(service, place).exists():
        for kind in KINDS:
            script(service, kind, {"COMMIT": commit}, place)
        return True
    tested, reason = True, ""
    if service.tests:
        _in_container(service, commit, place)
    elif suite_image.has_stage(service, place.root, dockerfile.TEST):
        suite = SuiteImage(service=service, root=place.root, target=dockerfile.TEST)
        with suite.built("its tests: the build stage `test`", place.say):
            place.say(f"{service.name}: the tests in its build stage `test` passed")
        reason = "the tests ran in the build stage `test`, which leaves no report"
    else:
        tested = False
        reason = (
            f"NO TESTS: there is no {service.context}/bin/test, no build stage `test` in its {service.dockerfile}, and "
            f"no tests for it in the stack file"
        )
        place.say(f"{service.name}: {reason}")
    for kind in KINDS:
        complete(_reports(service, place), kind, reason)
    return tested


def of_image(service: Service, commit: str, image: str, place: Workplace) -> None:
    """Test a service's release image before it is pushed, with its `bin/test acceptance`; without one that is said.

    Raises:
        ProgramError: the tests failed.
    """
    if _program(service, place).exists():
        script(service, "acceptance", {"COMMIT": commit, "APP_IMAGE": image}, place)
        return
    place.say(f"{service.name}: no bin/test acceptance: the image is pushed without a test, which staging has to pass")
    complete(_reports(service, place), "acceptance", "the image was not tested before it was pushed")


def _in_container(service: Service, commit: str, place: Workplace) -> None:
    """Run the configured tests in a container; they write JUnit results to /reports."""
    folder, what = _reports(service, place), f"{service.name}: tests"
    suite = suite_image.of_key(service, place.root, service.tests, dockerfile.TEST)
    variables = {"SERVICE": service.name, "COMMIT": commit, "REPORTS": "/reports"}
    options = [f"--env={key}={value}" for key, value in variables.items()]
    with suite.built("its tests", place.say) as image:
        place.say(what)
        try:
            process.show(suite.run_command(image, f"--volume={folder}:/reports", *options), what)
        except ProgramError as failed:
            raise ProgramError(f"{failed}{failure.tests(folder)}; reports: {folder}") from failed
    place.say(f"{what} passed")


def _program(service: Service, place: Workplace) -> Path:
    return place.root / service.context / "bin" / "test"


def _start_problem(program: Path, path: str) -> str | None:
    """Return why the system cannot start a program, with the remedy; it would itself say that there is no such file.

    Args:
        program: a script or an ELF file.
        path: the same, relative to the repository, for .gitattributes.
    """
    with program.open("rb") as stream:
        line = stream.readline(FIRST_LINE)
    if not line.startswith(files.ELF):
        if line.endswith(b"\r\n"):
            return f"has Windows line ends; convert them, and add to .gitattributes: {path} text eol=lf"
        words = line.removeprefix(files.SCRIPT).decode("utf-8", "replace").split()
        if not line.startswith(files.SCRIPT) or not words:
            return "does not begin with #! and an interpreter; let its first line name one, such as #!/bin/sh"
        if not Path(words[0]).is_file():
            return f"needs {words[0]} by its first line, which is not installed here; install it or name another one"
    return None if os.access(program, os.X_OK) else f"cannot be run by this user; run: chmod +x '{program}'"


def _reports(service: Service, place: Workplace) -> Path:
    """Return the folder of a service's reports, created."""
    folder = (place.reports / service.name).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def script(service: Service, kind: str, variables: dict[str, str], place: Workplace) -> None:
    """Run one kind of tests of a service.

    Raises:
        DeliveryError: there is no such program, or it cannot be started.
        ProgramError: it failed; the tests' own output is above, or the failing step of the image that they need.
    """
    program = process.require(_program(service, place), NEEDED)
    if problem := _start_problem(program, f"{service.context}/bin/test"):
        raise DeliveryError(f"{program} {problem}")
    folder = _reports(service, place)
    place.say(f"{service.name}: {kind} tests")
    try:
        process.show(
            [str(program), kind],
            f"{service.name}: {kind} tests",
            {**service.build_args, **variables, "SERVICE": service.name, "REPORTS": str(folder)},
        )
    except ProgramError as failed:
        raise ProgramError(f"{failed}{failure.tests(folder)}; reports: {folder}") from failed
    complete(folder, kind)
    place.say(f"{service.name}: {kind} tests passed")


def complete(folder: Path, kind: str, reason: str = "") -> None:
    """Write placeholders for missing reports of tests that passed, since CodeBuild fails without them.

    Args:
        folder: of the service's reports.
        kind: of the tests; coverage is the unit tests'.
        reason: why there is none, for the report's skipped test; empty: the application wrote none.
    """
    missing = {
        f"{kind}.xml": NO_TESTS.format(kind=kind, reason=escape(reason or f"the application wrote no {kind}.xml"))
    } | ({"coverage.xml": NO_COVERAGE} if kind == "unit" else {})
    for name, text in missing.items():
        if not (folder / name).exists():
            (folder / name).write_text(text, "utf-8")
