"""The local cloud, its environments and its pipeline, which the tests in this folder share."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.local.releases import Releases
from tests.local.workspace import NETWORK, PORT, Workspace, copy_of_the_project

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A running local cloud with nothing on it; taken away with all it holds at the end."""
    root = tmp_path_factory.mktemp("slipway")
    copy_of_the_project(root)
    own = {"SLIPWAY_PORT": PORT, "SLIPWAY_NETWORK": NETWORK, "PYTHONPATH": str(root), "CI": "true"}
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PULUMI_", "SLIPWAY_STATE"))}
    space = Workspace(root, kept | own)
    done = space.cloud("up", "--yes")
    assert done.returncode == 0, done.stdout
    yield space
    shutil.copytree(root / ".localcloud/log", root / "log")  # `reset` removes it, and a failure may need it
    space.cloud("reset")


@pytest.fixture(scope="session")
def staging(workspace: Workspace) -> dict[str, Any]:
    """Staging, up: its outputs."""
    workspace.up("staging")
    return workspace.outputs("staging")


@pytest.fixture(scope="session")
def production(workspace: Workspace, accepted: str) -> dict[str, Any]:  # noqa: ARG001 - only after acceptance
    """Production, up with what staging accepted: its outputs."""
    workspace.up("prod")
    return workspace.outputs("prod")


@pytest.fixture(scope="session")
def refused(workspace: Workspace, staging: dict[str, Any]) -> str:  # noqa: ARG001 - staging must be there
    """What production says before anything was accepted."""
    done = workspace.pulumi("up", "-s", "prod", "--yes", "--skip-preview")
    assert done.returncode != 0, done.stdout
    return done.stdout


@pytest.fixture(scope="session")
def accepted(workspace: Workspace, refused: str) -> str:  # noqa: ARG001 - in this order
    """What acceptance of staging printed."""
    done = workspace.delivery("acceptance", "--stack", "staging")
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.fixture(scope="session")
def connected(workspace: Workspace, production: dict[str, Any]) -> Releases:  # noqa: ARG001 - it is up, without pipeline
    """The repository with its first commit, and the pipeline, whose connection has got its one click."""
    releases = Releases(workspace)
    releases.begin()
    click = workspace.cloud("connect", "slipway-prod")
    assert click.returncode == 0, click.stdout
    workspace.up("prod")
    return releases
