"""The fixtures of these tests, and the mark of those that need a running local cloud."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.fixtures import cloud, ecs, elb

__all__ = ["cloud", "ecs", "elb"]
NEEDS = {"cloud", "disk"}
"""The fixtures that start a local cloud."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark tests that start a local cloud; all others are part of the fast gate."""
    if item.path.is_relative_to(Path(__file__).parent) and NEEDS & set(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.local)
