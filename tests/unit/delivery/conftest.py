"""Environments to deploy to, and programs that stand for Docker's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from delivery.aws import clients
from delivery.deploying import deploy, rollout
from tests.unit.delivery.commands import Commands
from tests.unit.delivery.docker import Docker
from tests.unit.delivery.patient import Patient
from tests.unit.delivery.pulumi import Pulumi
from tests.unit.delivery.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
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


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pulumi:
    """A program `pulumi` on PATH, which has no stack."""
    return Pulumi.on_path(tmp_path / "pulumi", monkeypatch)


@pytest.fixture
def piped_commands(
    piped: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Commands]:
    """Commands for a stack that a pipeline deploys to."""
    yield Commands(piped, tmp_path, monkeypatch, capsys)
    clients._made.cache_clear()


@pytest.fixture
def served(piped_commands: Commands) -> Commands:
    """The same, where a release is served."""
    world = piped_commands.world
    deploy.run(world.session, world.release("a" * 40))
    world.lines.clear()
    return piped_commands


@pytest.fixture
def patient(piped: World, capsys: pytest.CaptureFixture[str], docker: Docker) -> Patient:
    """A stack in good health, on a machine with Docker."""
    (docker.folder / "platform").write_text("")
    return Patient(piped, capsys)


@pytest.fixture
def patient_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rollouts are looked at every ten seconds: for those that go on for a quarter of an hour."""
    monkeypatch.setattr(rollout, "POLL_SECONDS", 10.0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with an image context."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "Dockerfile").write_text("FROM a AS release\nFROM a AS acceptance\n")
    return tmp_path
