"""Environments to deploy to, and programs that stand for Docker's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.delivery.docker import Docker
from tests.unit.delivery.world import World

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def world() -> World:
    """Staging with one service, on its first revision."""
    return World()


@pytest.fixture
def two() -> World:
    """Staging with two services, on their first revisions."""
    return World(names=("api", "web"))


@pytest.fixture
def piped() -> World:
    """An environment that a pipeline deploys to in its stage Production."""
    return World(stage="Production")


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """A program `docker` on PATH."""
    return Docker.on_path(tmp_path / "docker", monkeypatch)
