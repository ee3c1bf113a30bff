"""Tests of the image and the scripts, from outside: they need Docker, and Compose for some.

PYTHON_IMAGE and POSTGRES_IMAGE name the base images, COMPOSE the command of Docker Compose.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

APP = Path(__file__).parents[2]
Build = Callable[..., subprocess.CompletedProcess[str]]


def docker(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the Docker client; an error of it fails the test unless `check` is off."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=check)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the application to spoil."""
    target = tmp_path / "app"
    shutil.copytree(APP, target, ignore=shutil.ignore_patterns("reports", "__pycache__"))
    return target


@pytest.fixture
def build(copy: Path) -> Iterator[Build]:
    """A function that builds a target of the copy; the image is gone after the test."""
    tags: list[str] = []

    def run(target: str, *options: str, tag: str | None = None) -> subprocess.CompletedProcess[str]:
        name = tag or f"guestbook-image-test:{uuid.uuid4().hex[:12]}"
        tags.append(name)
        base = os.environ.get("PYTHON_IMAGE")
        arguments = [f"--build-arg=PYTHON_IMAGE={base}"] if base else []
        return docker(
            "build", "--force-rm", "--target", target, "--tag", name, *arguments, *options, str(copy), check=False
        )

    yield run
    for name in tags:
        # The untagged layers below stay: they are the cache of the next build.
        docker("rmi", "--force", "--no-prune", name, check=False)
