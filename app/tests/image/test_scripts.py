"""bin/test leaves no container, network or volume behind, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 240


def _left(run: subprocess.Popen[str]) -> list[str]:
    """The containers, networks and volumes of one run of bin/test that exist now."""
    found: list[str] = []
    for noun, field in (("container", "Names"), ("network", "Name"), ("volume", "Name")):
        every = ["--all"] if noun == "container" else []
        command = [
            "docker",
            noun,
            "ls",
            *every,
            "--filter=label=com.docker.compose.project",
            f"--format={{{{.{field}}}}}",
        ]
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found += [name for name in listed.split() if name.startswith("guestbook-") and f"-{run.pid}-" in name]
    return found


def _start(copy: Path, kind: str) -> subprocess.Popen[str]:
    # A session of its own, so that a signal can go to the whole group, as Ctrl-C does.
    return subprocess.Popen(
        [copy / "bin/test", kind],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # A test run under nohup ignores SIGHUP, one in the background Ctrl-C, and its children would too.
        preexec_fn=lambda: [signal.signal(each, signal.SIG_DFL) for each in (signal.SIGHUP, signal.SIGINT)],  # noqa: PLW1509 - no threads here
        env={**os.environ, "REPORTS": str(copy / "reports")},
    )


def test_a_failed_integration_test_is_reported_and_leaves_nothing(copy: Path) -> None:
    """Exit code 1, the JUnit report at hand, nothing else."""
    failing = "def test_that_is_broken() -> None:\n    assert False\n"
    (copy / "tests/integration/test_program.py").write_text(failing)
    process = _start(copy, "integration")
    output = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 1, output
    assert 'failures="1"' in (copy / "reports/integration.xml").read_text()
    assert _left(process) == []


def test_a_failed_unit_test_is_reported_although_it_fails_the_build(copy: Path) -> None:
    """The reason in the output and in the JUnit report, from a second run."""
    failing = "def test_that_is_broken() -> None:\n    assert 'blue' == 'red'\n"
    (copy / "tests/unit/test_settings.py").write_text(failing)
    process = _start(copy, "unit")
    output = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 1, output
    assert "assert 'blue' == 'red'" in output
    assert 'failures="1"' in (copy / "reports/unit.xml").read_text()
    assert _left(process) == []


def test_an_image_that_cannot_be_built_is_told_at_the_end_and_once(copy: Path) -> None:
    """The builder's last lines are those of the failing step; no test is said to have failed that was never run."""
    file = copy / "Dockerfile"
    failing = "FROM base AS dev\nRUN python3 -m pip install --quiet --no-index no-such-package\n"
    file.write_text(file.read_text().replace("FROM base AS dev\n", failing))
    process = _start(copy, "unit")
    output = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 1, output
    lines = output.splitlines()
    assert lines[-1] == "bin/test: the image of 'test' could not be built; the reason is above"
    assert len([line for line in lines if line.startswith("bin/test:")]) == 1
    assert "No matching distribution found for no-such-package" in "\n".join(lines[-20:])
    assert _left(process) == []


@pytest.mark.parametrize(
    ("number", "to_the_group", "code"),
    [(signal.SIGINT, True, 130), (signal.SIGTERM, False, 143), (signal.SIGHUP, True, 129)],
)
def test_an_interrupted_run_leaves_nothing(copy: Path, number: signal.Signals, to_the_group: bool, code: int) -> None:  # noqa: FBT001
    """Ctrl-C at a terminal, a CI that stops the script, a terminal that is closed."""
    (copy / "tests/integration/test_program.py").write_text("import time\n\ndef test_slow():\n    time.sleep(600)\n")
    process = _start(copy, "integration")
    end = time.monotonic() + SECONDS
    while len(_left(process)) < 4 and time.monotonic() < end and process.poll() is None:
        time.sleep(0.2)
    assert len(_left(process)) >= 4
    time.sleep(1)
    (os.killpg if to_the_group else os.kill)(process.pid, number)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == code, output
    assert _left(process) == []


def test_an_unknown_kind_is_refused(copy: Path) -> None:
    """One line that says what may be given."""
    ended = subprocess.run([copy / "bin/test", "units"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "give unit, integration, acceptance or all" in ended.stderr
