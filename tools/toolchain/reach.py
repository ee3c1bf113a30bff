"""Reachability of a server, decided within seconds."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from tools.toolchain.errors import UnavailableError

SECONDS = 4
"""Timeout, which a machine without internet access always waits for."""


def open_url(url: str, *, seconds: float = SECONDS, method: str = "GET", limit: int = -1) -> tuple[int, bytes]:
    """Return the HTTP status and body, for any status.

    Args:
        url: an HTTPS or HTTP URL.
        seconds: the timeout of connecting and of each read.
        method: the HTTP method.
        limit: the maximum number of bytes to read, -1 for all.

    Raises:
        UnavailableError: there is no response.
    """
    if not url.startswith(("https://", "http://")):
        raise UnavailableError(f"{url} is neither https nor http")
    request = urllib.request.Request(url, method=method, headers={"User-Agent": "slipway"})  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(request, timeout=seconds) as response:  # noqa: S310 - checked above
            return response.status, response.read(limit)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, b""
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise UnavailableError(f"{host(url)} cannot be reached ({reason})") from error


def status(url: str, seconds: float = SECONDS) -> int:
    """Return the HTTP status of a URL. The timeout includes the DNS look-up, which has a longer one of its own.

    Raises:
        UnavailableError: there is no response in time.
    """
    outcome: list[int | UnavailableError] = [UnavailableError(f"{host(url)} did not respond within {seconds:g} s")]

    def ask() -> None:
        try:
            outcome[0] = open_url(url, seconds=seconds, method="HEAD", limit=0)[0]
        except UnavailableError as error:
            outcome[0] = error

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    if isinstance(outcome[0], UnavailableError):
        raise outcome[0]
    return outcome[0]


def host(url: str) -> str:
    """Return the host and port of a URL, without credentials."""
    return urlsplit(url).netloc.rpartition("@")[2]
