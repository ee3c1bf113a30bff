"""Whether a server answers, within seconds. Python's standard library alone."""

from __future__ import annotations

import ssl
import threading
import urllib.error
import urllib.request
from urllib.parse import urlsplit

SECONDS = 4
"""How long a machine without a way out may wait for nothing."""


class UnreachableError(Exception):
    """A server gives no answer: one line with its host and the reason."""


def status(url: str, seconds: float = SECONDS) -> int:
    """Return the HTTP status of a page; looking its host's name up, which has a time-out of its own, counts too.

    Args:
        url: of https or http.
        seconds: that there are for all of it.

    Raises:
        UnreachableError: there is no answer in time.
    """
    outcome: list[int | UnreachableError] = [UnreachableError(f"{host(url)} gives no answer in {seconds:g} s")]

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
    """Return an address's host and port, without a user's name and password."""
    return urlsplit(url).netloc.rpartition("@")[2]


def is_up(url: str) -> bool:
    """Tell whether a server answers, with whatever but a server's failure.

    A certificate that Python does not know shows that one answers: pip and apt have their own.
    """
    try:
        return status(url) < 500  # noqa: PLR2004 - HTTP's range of server errors
    except UnreachableError as error:
        return isinstance(getattr(error.__cause__, "reason", None), ssl.SSLError)
