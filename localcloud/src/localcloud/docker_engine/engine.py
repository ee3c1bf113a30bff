"""The Docker Engine's client, and the shutdown of an engine that we started."""

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
    """Return a client of the reachable daemon, or None; an installed `docker` command does not prove that there is one.

    The address is DOCKER_HOST, or the default socket.
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
        UserError: no daemon responds.
    """
    found = client()
    if found is None:
        daemon.refuse_silent(daemon.socket_path())
        raise UserError(f"no Docker Engine answers at {daemon.host()}: start it, or run: {COMMAND} up")
    return found


def stop(settings: Settings) -> bool:
    """Stop the daemon that we started, with its containers; False if it is not running. No other daemon is stopped."""
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
