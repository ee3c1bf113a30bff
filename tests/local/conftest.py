"""The local cloud that the tests in this folder share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.local.workspace import PORT, Workspace, copy_of_the_project

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A running local cloud with nothing on it; taken away with all it holds at the end."""
    root = tmp_path_factory.mktemp("slipway")
    copy_of_the_project(root)
    own = {"SLIPWAY_PORT": PORT, "SLIPWAY_NETWORK": "slipway-tests", "PYTHONPATH": str(root), "CI": "true"}
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PULUMI_", "SLIPWAY_STATE"))}
    space = Workspace(root, kept | own)
    done = space.cloud("up", "--yes")
    assert done.returncode == 0, done.stdout
    yield space
    space.cloud("reset")
