"""Child processes of delivery: their output and the message of a failure."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from delivery import process
from delivery.console import Progress
from delivery.process import ProgramError
from delivery.release import testing
from tests.service_facts import service

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
BUILDS = Path(__file__).resolve().parent / "builds"
HASH = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES"
WAYS: dict[str, Callable[[list[str]], object]] = {
    "show": lambda command: process.show(command, "web: building"),
    "quietly": lambda command: process.quietly(command, "web: building", Progress()),
}


def writes(output: str, code: int) -> list[str]:
    """Return a command that prints a recorded build output and exits with a code."""
    return ["sh", "-c", f"cat {shlex.quote(str(BUILDS / output))}; exit {code}"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("builder", ["older", "buildkit-0.8", "buildkit-0.22"])
def test_a_failed_build_ends_with_its_failing_step_and_is_told_in_one_line(
    way: str, builder: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The line follows the whole output; it contains the step and the cause."""
    with pytest.raises(ProgramError) as failed:
        WAYS[way](writes(f"{builder}/hash.txt", 3))
    shown = capfd.readouterr().out
    assert shown.startswith((BUILDS / builder / "hash.txt").read_text("utf-8"))
    ending = shown.splitlines()[-5:]
    assert ending[0].startswith("the step that failed: ")
    assert ending[0].endswith(
        "RUN python3 -m venv /opt/venv && /opt/venv/bin/pip install --quiet --require-hashes -r requirements.txt"
    )
    assert ending[1].startswith(f"  {HASH}")
    assert ending[4].split()[0] == "Got"
    assert str(failed.value).startswith("web: building failed (exit code 3) in ")
    assert HASH in str(failed.value)
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize("way", WAYS)
def test_a_failure_that_is_no_builds_is_told_by_the_output_above(way: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Its output is not repeated."""
    with pytest.raises(ProgramError, match=r"^web: building failed \(exit code 1\); its output is above$"):
        WAYS[way](["sh", "-c", "echo out; echo err >&2; exit 1"])
    assert capfd.readouterr().out.split() == ["out", "err"]


def test_what_succeeds_is_shown_or_returned(capfd: pytest.CaptureFixture[str]) -> None:
    """Its output is unchanged."""
    process.show(["sh", "-c", "echo out; echo err >&2"], "x")
    assert capfd.readouterr().out.split() == ["out", "err"]
    assert process.quietly(["sh", "-c", "echo out; echo err >&2"], "x", Progress()).split() == ["out", "err"]
    assert capfd.readouterr().out == ""


def test_a_programs_output_is_shown_as_it_comes_and_its_last_words_when_it_is_ended() -> None:
    """For example bin/test's message about resources that it could not remove."""
    program = "trap 'echo removed; kill $!; exit 143' TERM; echo begun; sleep 60 & wait"
    ours = f"from delivery import process; process.show(['sh', '-c', {program!r}], 'x')"
    with subprocess.Popen(
        [sys.executable, "-c", f"import signal; signal.signal(signal.SIGTERM, signal.default_int_handler); {ours}"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        assert running.stdout.readline() == "begun\n"
        time.sleep(0.5)  # by then it waits for its child process
        running.terminate()
        assert running.stdout.read() == "removed\n"
    assert running.returncode != 0


def test_a_program_left_running_does_not_keep_the_end_waiting(capfd: pytest.CaptureFixture[str]) -> None:
    """It keeps the output pipe open."""
    began = time.monotonic()
    process.show(["sh", "-c", "echo done; sleep 60 & echo $!"], "x")
    first, left = capfd.readouterr().out.split()
    subprocess.run(["kill", left], check=True)
    assert (first, time.monotonic() - began < 30) == ("done", True)


def test_failed_tests_are_told_with_the_failing_step_and_the_reports(tmp_path: Path) -> None:
    """From the output of bin/test about the image that its tests need."""
    program = tmp_path / "app" / "bin" / "test"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\ncat {shlex.quote(str(BUILDS))}/older/unit.txt\nexit 1\n", "utf-8")
    program.chmod(0o755)
    web = service()
    place = testing.Workplace(root=tmp_path, reports=tmp_path / "reports", say=Progress())
    wanted = rf"^web: unit tests failed \(exit code 1\) in Step 8/10 : RUN .*: FAILED .*; reports: {place.reports}/web$"
    with pytest.raises(ProgramError, match=wanted):
        testing.script(web, "unit", {}, place)


def test_a_program_that_does_not_end_in_time_is_ended() -> None:
    """What runs it has something to do afterwards."""
    with pytest.raises(ProgramError, match="the suite has not ended within 0 minutes"):
        process.show(["sleep", "60"], "the suite", seconds=0.2)
