"""The Docker Engine's client, and the end of an engine that we started."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING

import docker
from docker.errors import DockerException

from localcloud.docker_engine import daemon, dockerd
from localcloud.settings import COMMAND, UserError

if TYPE_CHECKING:
    from localcloud.settings import Settings


def client(timeout: int = 60) -> docker.DockerClient | None:
    """Return a client of the reachable daemon, else None: asked, since a `docker` command proves nothing.

    DOCKER_HOST decides where it is set, otherwise the default socket.
    """
    try:
        found = docker.from_env(timeout=daemon.ASK_SECONDS)
        found.ping()
        found.close()
        return docker.from_env(timeout=timeout)
    except (DockerException, OSError):
        return None


def require() -> docker.DockerClient:
    """Return a client of the reachable daemon.

    Raises:
        UserError: none answers.
    """
    found = client()
    if found is None:
        daemon.refuse_silent(daemon.socket_path())
        raise UserError(f"no Docker Engine answers at {daemon.host()}: start it, or run: {COMMAND} up")
    return found


def stop(settings: Settings) -> bool:
    """Stop the daemon that we started, with what it runs; False where there is none. Another's is never touched."""
    pid = dockerd.our_pid(settings)
    if pid is None:
        return False
    for container in require().containers.list(ignore_removed=True):
        with contextlib.suppress(DockerException):
            container.kill()
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + dockerd.START_SECONDS
    while dockerd.our_pid(settings) is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    return True
