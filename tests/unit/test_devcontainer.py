"""The development container: the configuration for editors agrees with the script for a terminal."""

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
    """It has the executable bit, and its syntax is valid POSIX shell."""
    assert os.access(FOLDER / name, os.X_OK)
    subprocess.run(["sh", "-n", FOLDER / name], check=True)


def test_editors_and_terminals_get_the_same_container() -> None:
    """They have the same volume, socket and network; the volume is mounted at its path on the Docker host."""
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
    """Without a stack and a port it prints its usage and starts nothing."""
    done = subprocess.run([FOLDER / "publish"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: .devcontainer/publish STACK PORT")
