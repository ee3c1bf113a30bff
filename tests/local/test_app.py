"""The example application's own tests, which run in containers and remove them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.local.workspace import Workspace

pytestmark = pytest.mark.local
COMPOSE = Path(sys.executable).parent / "docker-compose"


def in_the_app(workspace: Workspace, *command: str) -> None:
    """Run a command in app/ with the local cloud's base images; it must succeed."""
    settings = workspace.environment | base_images(workspace) | {"COMPOSE": str(COMPOSE)}
    done = subprocess.run(
        command, cwd=workspace.root / "app", env=settings, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, f"{done.stdout[-5000:]}{done.stderr[-3000:]}"


def base_images(workspace: Workspace) -> dict[str, str]:
    """Return the base images in use by variable name."""
    found = json.loads(workspace.cloud("env", "--json").stdout)
    return {name: value for name, value in found.items() if name.endswith("_IMAGE")}


def test_the_application_passes_its_acceptance_tests_in_containers(workspace: Workspace) -> None:
    """With a real browser, against a newly built image; the pipeline runs the other suites by the same script."""
    in_the_app(workspace, "bin/test", "acceptance")


def test_the_image_and_the_scripts_hold_what_they_promise(workspace: Workspace) -> None:
    """A failing test stops the build, the image contains no build tools, an interrupted run leaves no resources."""
    in_the_app(workspace, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/image")
