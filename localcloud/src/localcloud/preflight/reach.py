"""Reachability of a server, decided within seconds. Python's standard library only."""

from __future__ import annotations

import ssl
import threading
import urllib.error
import urllib.request
from urllib.parse import urlsplit

SECONDS = 4
"""Timeout, which a machine without internet access always waits for."""


class UnreachableError(Exception):
    """A server does not respond; the message is one line with its host and the reason."""


def status(url: str, seconds: float = SECONDS) -> int:
    """Return the HTTP status of a URL. The timeout includes the DNS look-up, which has a longer one of its own.

    Args:
        url: an HTTPS or HTTP URL.
        seconds: the timeout of the whole request.

    Raises:
        UnreachableError: there is no response in time.
    """
    outcome: list[int | UnreachableError] = [UnreachableError(f"{host(url)} did not respond within {seconds:g} s")]

    def ask() -> None:
        try:
            outcome[0] = _head(url, seconds)
        except UnreachableError as error:
            outcome[0] = error

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    if isinstance(outcome[0], UnreachableError):
        raise outcome[0]
    return outcome[0]


def _head(url: str, seconds: float) -> int:
    if not url.startswith(("https://", "http://")):
        raise UnreachableError(f"{url} is neither https nor http")
    request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "localcloud"})  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(request, timeout=seconds) as response:  # noqa: S310 - checked above
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except (OSError, ValueError) as error:
        raise UnreachableError(f"{host(url)} cannot be reached ({getattr(error, 'reason', error)})") from error


def host(url: str) -> str:
    """Return the host and port of a URL, without credentials."""
    return urlsplit(url).netloc.rpartition("@")[2]


def is_up(url: str) -> bool:
    """Tell whether a server responds with anything but a server error.

    An untrusted certificate counts as a response: pip and apt have their own trust stores.
    """
    try:
        return status(url) < 500  # noqa: PLR2004 - HTTP's range of server errors
    except UnreachableError as error:
        return isinstance(getattr(error.__cause__, "reason", None), ssl.SSLError)
