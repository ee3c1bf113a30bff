"""The local cloud is a separate package: it can be built, installed and started without this repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "localcloud"
NAMES = "delivery|toolchain|tools|infra|buildlog|contract"
WORDS = re.compile(rf"(?i)slipway|\b(import|from) ({NAMES})\b|bin/(delivery|pulumi)")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("LOCALCLOUD_", "PYTHON", "AWS_"))}


def run(*command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command outside the repository, without its environment variables."""
    return subprocess.run(command, cwd="/", env=CLEAN | more, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by the locked build backend without a package index."""
    folder = tmp_path_factory.mktemp("wheel")
    done = run(
        sys.executable, "-m", "pip", "wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", folder, FOLDER
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


def test_its_wheel_starts_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """It prints its help, which needs no dependencies."""
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    done = run(sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--no-deps", wheel)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = run(python, "-m", "localcloud", "--help")
    assert shown.returncode == 0, shown.stderr
    assert "start it, or make sure that it runs" in shown.stdout
    missing = run(python, "-m", "localcloud", "status")
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)
    assert "is missing" in missing.stderr


def test_its_wheel_with_its_dependencies_says_that_nothing_runs(wheel: Path, tmp_path: Path) -> None:
    """The exit code is the one for scripts; nothing is created."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    own = {"LOCALCLOUD_STATE": str(tmp_path / "state"), "LOCALCLOUD_PORT": "1", "DOCKER_HOST": "unix:///nonexistent"}
    done = run(sys.executable, "-m", "localcloud", "status", PYTHONPATH=str(tmp_path / "installed"), **own)
    assert done.returncode == 3, done.stderr
    assert re.search(r"^running +False", done.stdout)
    assert not (tmp_path / "state").exists()


def test_the_wheel_has_the_recipes_of_the_base_images(wheel: Path) -> None:
    """They are package data."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {name.removeprefix("localcloud/") for name in archive.namelist()}
    images = FOLDER / "src" / "localcloud" / "images"
    assert {path.relative_to(images.parent).as_posix() for path in images.rglob("*") if path.is_file()} <= packed


def test_it_knows_nothing_of_this_repository() -> None:
    """It does not mention the project, and imports none of its other packages."""
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            found = WORDS.search(path.read_text("utf-8", "replace"))
            assert found is None, (path, found)


def test_its_dependencies_are_those_that_its_lock_is_made_from() -> None:
    """`requirements.in` lists them with their reasons."""
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text("utf-8"))["project"]
    lines = (FOLDER / "requirements.in").read_text("utf-8").splitlines()
    assert project["dependencies"] == [line.split("#")[0].strip() for line in lines if not line.startswith("#")]
