"""Environments to deploy to."""

from __future__ import annotations

import pytest

from tests.unit.delivery.world import World


@pytest.fixture
def world() -> World:
    """Staging with one service, on its first revision."""
    return World()


@pytest.fixture
def two() -> World:
    """Staging with two services, on their first revisions."""
    return World(names=("api", "web"))
