"""What all builds share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.docker_engine import build_leftovers
from localcloud.settings import NAME

if TYPE_CHECKING:
    from pathlib import Path

    from localcloud.docker_engine.service_containers import ServiceContainers
    from localcloud.github import GitHub
    from localcloud.services.codebuild.state import State
    from localcloud.state.table import Doc

SOCKET = "/var/run/docker.sock"


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """The parts of the service that builds use."""

    state: State
    engine: ServiceContainers
    github: GitHub

    def folder(self, build: Doc) -> Path:
        """Return a build's work folder; containers mount it at the same path."""
        return self.state.ctx.state_dir / build_leftovers.BUILDS / str(build["id"]).rpartition(":")[2]


def container_name(build: Doc) -> str:
    """Return the name of a build's Docker container."""
    return f"{NAME}-build-{build['id'].rpartition(':')[2]}"


def docker_socket() -> str:
    """Return the path of the Docker daemon's socket on the host."""
    host = os.environ.get("DOCKER_HOST", "")
    return host.removeprefix("unix://") if host.startswith("unix://") else SOCKET
