"""The fixtures of the shared local cloud and its clients."""

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
"""This process's local cloud: pytest treats a fixture that two conftest files import as two."""


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A separate, empty local cloud, removed with all its resources at the end."""
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
    """A boto3 client of ELBv2."""
    return cloud.client("elbv2")


@pytest.fixture(scope="session")
def ecs(cloud: Cloud) -> Any:
    """A boto3 client of ECS."""
    return cloud.client("ecs")
