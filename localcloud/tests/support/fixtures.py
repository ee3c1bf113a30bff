"""The local cloud that the contract tests share, and clients of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from localcloud.settings import NAME
from support import ports
from support.cloud import Cloud

if TYPE_CHECKING:
    from collections.abc import Iterator

PORT = ports.own("CONTRACT_PORT", 4610)
RUNNING: list[Cloud] = []
"""The process's local cloud: a fixture that two conftest files import is two fixtures to pytest."""


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A running local cloud of its own with nothing on it; taken away with all it holds at the end."""
    if RUNNING:
        yield RUNNING[0]
        return
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    state = tmp_path_factory.mktemp("contract") / "state"
    own = {
        "LOCALCLOUD_STATE": str(state),
        "LOCALCLOUD_PORT": PORT,
        "LOCALCLOUD_NETWORK": f"{NAME}-contract-{PORT}",
        "CI": "true",
    }
    running = Cloud(kept | own | {"CI": "true"})
    running.command("up", "--yes")
    running.roles()
    RUNNING.append(running)
    yield running
    RUNNING.clear()
    running.command("reset")


@pytest.fixture(scope="session")
def elb(cloud: Cloud) -> Any:
    """A client of load balancing."""
    return cloud.client("elbv2")


@pytest.fixture(scope="session")
def ecs(cloud: Cloud) -> Any:
    """A client of ECS."""
    return cloud.client("ecs")
