"""The development container: its configuration for editors and its script for a terminal agree."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / ".devcontainer"
SCRIPTS = ("copy", "publish", "run")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_can_be_run_and_is_sound(name: str) -> None:
    """By any POSIX shell."""
    assert os.access(FOLDER / name, os.X_OK)
    subprocess.run(["sh", "-n", FOLDER / name], check=True)


def test_editors_and_terminals_get_the_same_container() -> None:
    """The same volume, socket and network, at the path by which the Docker Engine knows the volume."""
    text = re.sub(r"(?m)^\s*//.*$", "", (FOLDER / "devcontainer.json").read_text("utf-8"))
    found, run = json.loads(text), (FOLDER / "run").read_text("utf-8")
    assert found["workspaceFolder"].startswith(found["workspaceMount"].rpartition("target=")[2])
    assert "source=slipway-dev," in found["workspaceMount"]
    assert '--volume "slipway-dev:$at"' in run
    assert found["mounts"] == ["type=bind,source=/var/run/docker.sock,target=/var/run/docker.sock"]
    assert "--volume /var/run/docker.sock:/var/run/docker.sock" in run
    assert "--network=host" in found["runArgs"]
    assert "--network host" in run


def test_publish_says_how_it_is_used() -> None:
    """Without a stack and a port nothing is started."""
    done = subprocess.run([FOLDER / "publish"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: .devcontainer/publish STACK PORT")
