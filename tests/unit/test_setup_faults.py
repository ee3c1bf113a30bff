"""Setup under faults: a one-line error with the remedy, and an exit code."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.setups import ROOT, SCRIPT, environment, make, refusal
from tools.toolchain.progress import reason

if TYPE_CHECKING:
    from pathlib import Path

# A module that shadows Python's own: simulates a missing module, or another version.
NO_ENSUREPIP = "import sys\nsys.modules['ensurepip'] = None\n"
OLD_PYTHON = "import sys\nsys.version_info = (3, 9, 18)\nsys.version = '3.9.18 (main)'\n"


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (OLD_PYTHON, "setup: Python is 3.9.18 and must be 3.11 or newer; name one: make PYTHON=python3.11 setup"),
        (NO_ENSUREPIP, "has no ensurepip; Debian has it in a package: apt-get install python3.11-venv"),
    ],
    ids=["too old", "without python3-venv"],
)
def test_a_python_that_will_not_do_is_named(tmp_path: Path, module: str, reason: str) -> None:
    """The error has the command that installs a suitable one."""
    (tmp_path / "sitecustomize.py").write_text(module, "utf-8")
    line = refusal(make(tmp_path / "venv", "plain", "", PYTHONPATH=str(tmp_path)))
    assert reason.replace("3.11-venv", f"{sys.version_info[0]}.{sys.version_info[1]}-venv") in line
    assert not (tmp_path / "venv").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Here a file has the folder's path."""
    (tmp_path / "state").write_text("", "utf-8")
    process = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "state" / "venv", ROOT / "requirements.txt"],
        env=environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert f"{tmp_path / 'state' / 'venv'} cannot be made" in refusal((process.returncode, process.stderr))


@pytest.mark.parametrize(
    ("name", "text"), [("none", ""), ("old", "#!/bin/sh\nexec python3 -c 'exit(\"setup: old\")'\n")]
)
def test_make_itself_ends_with_the_line(tmp_path: Path, name: str, text: str) -> None:
    """`make setup` with a missing or unsuitable Python prints no further line."""
    for part in ("Makefile", "requirements-dev.txt"):
        shutil.copy(ROOT / part, tmp_path / part)
    program = tmp_path / f"python-{name}"
    if text:
        program.write_text(text, "utf-8")
        program.chmod(0o755)
    done = subprocess.run(
        ["make", f"PYTHON={program}", "setup"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    ours = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("make")]
    assert done.returncode != 0
    assert len(ours) == 1
    assert ours[0].startswith("setup: ")


def toolchain(folder: Path, **others: str) -> tuple[int, str]:
    """Run a toolchain build that must fail, without a cached one; return the exit code and stderr."""
    shutil.copytree(ROOT / "tools", folder / "tools")
    done = subprocess.run(
        [sys.executable, "-m", "tools.toolchain", "--from", "built"],
        cwd=folder, env=environment(**others, PYTHONPATH=str(folder)),
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("version", "reason"), [("", "Go is not installed and"), ("go1.21.3", "go1.21.3 is installed and")]
)
def test_no_go_or_an_old_one_is_said_with_the_version_that_is_needed(tmp_path: Path, version: str, reason: str) -> None:
    """If the toolchain has to be built."""
    if version:
        (tmp_path / "bin").mkdir()
        (tmp_path / "VERSION").write_text(version, "utf-8")
        (tmp_path / "bin" / "go").write_text("#!/bin/sh\n", "utf-8")
        (tmp_path / "bin" / "go").chmod(0o755)
    code, said = toolchain(tmp_path, PATH=str(tmp_path / "bin"), LOCALCLOUD_CACHE=str(tmp_path / "cache"))
    (line,) = said.splitlines()
    assert code == 1
    assert line.startswith(f"toolchain: {reason} a build needs")


@pytest.mark.parametrize("cache", ["/proc/none", "/dev/null/x"])
def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, cache: str) -> None:
    """The error has the variable that relocates it."""
    code, said = toolchain(tmp_path, LOCALCLOUD_CACHE=cache)
    (line,) = said.splitlines()
    assert code == 1
    assert f"set LOCALCLOUD_CACHE to another folder than {cache}/toolchain" in line


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (
            ["a.go:22:2: example.org/m@v1.2.3: reading http://127.0.0.1:1/example.org/m/@v/v1.2.3.zip: 403 Forbidden"],
            "example.org/m@v1.2.3 cannot be downloaded: reading http://127.0.0.1:1/example.org/m/@v/v1.2.3.zip: "
            "403 Forbidden; check that the Go proxy serves it (go env GOPROXY), then run this again",
        ),
        (
            ["{", '  "Error": "example.org/m@v0.0.0-2026-a: reading http://127.0.0.1:1/m.info: 410 Gone",', "}"],
            "example.org/m@v0.0.0-2026-a cannot be downloaded: reading http://127.0.0.1:1/m.info: "
            "410 Gone; check that the Go proxy serves it (go env GOPROXY), then run this again",
        ),
        (
            ["# example.org/m", "write /x/y: no space left on device", "more"],
            "the disk is full; free space, or set LOCALCLOUD_CACHE to a folder elsewhere, then run this again",
        ),
        (["", "a.go:1:2: undefined: b", ""], "go failed: a.go:1:2: undefined: b; see to that, then run this again"),
        ([], "go failed: without a message; see to that, then run this again"),
    ],
)
def test_what_go_says_of_a_failure_becomes_one_line(said: list[str], line: str) -> None:
    """It has the module's name, if there is one."""
    assert reason(said) == line
