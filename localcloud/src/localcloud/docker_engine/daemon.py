"""A running Docker daemon, queried with Python's standard library only; and whether one may be started."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import ssl
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from localcloud.settings import LABEL, UserError

DEFAULT_SOCKET = Path("/var/run/docker.sock")
ASK_SECONDS = 10
"""Timeout for a response of a listening daemon."""


class SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=ASK_SECONDS)
        self.path = path

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def host() -> str:
    """Return the daemon's address: DOCKER_HOST, else the default socket."""
    return os.environ.get("DOCKER_HOST") or f"unix://{DEFAULT_SOCKET}"


def connection(at: str) -> http.client.HTTPConnection:
    """Return a connection to `unix://` or `tcp://`; by TLS with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH.

    Raises:
        OSError: a certificate cannot be read.
        ValueError: the address has another scheme, such as ssh.
    """
    parts = urlsplit(at)
    if parts.scheme == "unix":
        return SocketConnection(parts.path)
    if parts.scheme not in ("tcp", "http", "https") or not parts.hostname:
        raise ValueError(at)
    if not os.environ.get("DOCKER_TLS_VERIFY"):
        return http.client.HTTPConnection(parts.hostname, parts.port or 2375, timeout=ASK_SECONDS)
    folder = Path(os.environ.get("DOCKER_CERT_PATH") or Path.home() / ".docker")
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return http.client.HTTPSConnection(parts.hostname, parts.port or 2376, timeout=ASK_SECONDS, context=context)


def ask(page: str, at: str = "") -> Any:
    """Return a daemon's response to a GET request, or None if it does not respond or has no such path.

    Args:
        page: a path of the API, such as `/version`.
        at: the daemon's address; by default DOCKER_HOST, else the default socket.
    """
    try:
        asked = connection(at or host())
        try:
            asked.request("GET", page)
            answer = asked.getresponse()
            content = json.loads(answer.read())
        finally:
            asked.close()
    except (OSError, ValueError, http.client.HTTPException):
        return None
    return content if answer.status == http.HTTPStatus.OK else None


def answers(at: str = "") -> bool:
    """Tell whether a daemon responds at an address (by default that of `host`)."""
    return ask("/version", at) is not None


def socket_path() -> Path:
    """Return the path of the daemon's socket; a daemon over TCP has none."""
    return Path(host().removeprefix("unix://"))


def refuse_silent(path: Path) -> None:
    """Raise UserError if a daemon listens but does not respond, or if this user may not access its socket.

    A stale socket of a killed daemon does not count; the next daemon replaces it.
    """
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(2)
        try:
            asked.connect(str(path))
        except PermissionError as error:
            raise UserError(
                f"this user may not use {path}: add it to the group docker and log in again, or run this as root"
            ) from error
        except OSError:
            return
    raise UserError(f"a Docker Engine listens at {path} and does not respond: restart it, then run this again")


def refuse_where_not_ours(docker_host: str, user_id: int, dockerd: str | None) -> None:
    """Raise UserError if we cannot start a daemon: DOCKER_HOST names another one, or root or apt is missing."""
    if docker_host and docker_host != f"unix://{DEFAULT_SOCKET}":
        raise UserError(
            f"DOCKER_HOST is {docker_host} and no Docker Engine answers there: start it or unset DOCKER_HOST"
        )
    if sys.platform != "linux":
        raise UserError("no Docker Engine answers: start Docker Desktop, then run this again")
    if user_id != 0:
        raise UserError("no Docker Engine answers and starting one needs root: start Docker, or run this as root")
    if dockerd is None and shutil.which("apt-get") is None:
        raise UserError("no Docker Engine answers and there is no apt-get to install it: install Docker, then start it")


def allowed(*, yes: bool) -> bool:
    """Tell whether the user has consented to installing and starting a daemon: --yes, YES=1 or CI=true."""
    return yes or bool(os.environ.get("YES")) or os.environ.get("CI") == "true"


def refuse_foreign_network(name: str, labels: dict[str, str]) -> None:
    """Raise UserError if the Docker network with the local cloud's name was not created by a local cloud."""
    if labels.get(LABEL) != "1":
        raise UserError(f"the Docker network {name} is not ours: remove it, or set LOCALCLOUD_NETWORK to another")
