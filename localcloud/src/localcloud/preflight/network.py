"""Checks that the servers which a setup downloads from are reachable."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.preflight import reach
from localcloud.preflight.findings import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 20
"""Timeout of a command that reads settings."""


def output(*command: str) -> str:
    """Return a command's output, or "" if it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def need(what: str, addresses: list[str], remedy: str) -> Iterator[Problem]:
    """Yield a problem if none of the URLs responds.

    Args:
        what: what is downloaded from there.
        addresses: the URLs, of which one suffices; without any of http or https nothing is checked.
        remedy: the remedy in the message.
    """
    asked = [address for address in addresses if address.startswith(("http://", "https://"))]
    if not asked:
        return
    with ThreadPoolExecutor(len(asked)) as pool:
        if any(pool.map(is_up, asked)):
            return
    hosts = " and ".join(dict.fromkeys(map(reach.host, asked)))
    yield Problem(f"{hosts} does not respond, and {what} are downloaded there: {remedy}")


is_up = functools.cache(reach.is_up)
"""Cached by URL: two checks may need the same server."""


def debian() -> Iterator[Problem]:
    """Check the mirrors in apt's configuration; the distribution's own if they can be recognized by name."""
    lists = Path("/etc/apt").glob("**/*.list"), Path("/etc/apt").glob("**/*.sources")
    texts = [path.read_text("utf-8", "replace") for found in lists for path in found if os.access(path, os.R_OK)]
    addresses = re.findall(r"(?m)^(?:deb(?:[ \t]+\[[^]]*\])?[ \t]+|URIs:[ \t]*)(\S+)", "\n".join(texts))
    own = [address for address in dict.fromkeys(addresses) if re.search(r"/(debian|ubuntu)", address)]
    yield from need("Debian packages", own or addresses, "see to the network, a proxy, or apt's sources (/etc/apt)")
