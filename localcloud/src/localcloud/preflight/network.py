"""Which servers a set-up will fetch from, and whether they answer."""

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
"""How long a command may take that only reads settings."""


def output(*command: str) -> str:
    """Return what a command prints, "" where it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def need(what: str, addresses: list[str], remedy: str) -> Iterator[Problem]:
    """Give a problem where none of the addresses answers.

    Args:
        what: that is fetched there.
        addresses: of which one is enough; none of http or https: nothing is asked.
        remedy: what to do.
    """
    asked = [address for address in addresses if address.startswith(("http://", "https://"))]
    if not asked:
        return
    with ThreadPoolExecutor(len(asked)) as pool:
        if any(pool.map(is_up, asked)):
            return
    hosts = " and ".join(dict.fromkeys(map(reach.host, asked)))
    yield Problem(f"{hosts} gives no answer and {what} are fetched there: {remedy}")


is_up = functools.cache(reach.is_up)
"""Asked once an address: two checks may need the same server."""


def debian() -> Iterator[Problem]:
    """Look at the mirrors that apt is configured with: the distribution's own, where they can be told by name."""
    lists = Path("/etc/apt").glob("**/*.list"), Path("/etc/apt").glob("**/*.sources")
    texts = [path.read_text("utf-8", "replace") for found in lists for path in found if os.access(path, os.R_OK)]
    addresses = re.findall(r"(?m)^(?:deb(?:[ \t]+\[[^]]*\])?[ \t]+|URIs:[ \t]*)(\S+)", "\n".join(texts))
    own = [address for address in dict.fromkeys(addresses) if re.search(r"/(debian|ubuntu)", address)]
    yield from need("Debian packages", own or addresses, "see to the network, a proxy, or apt's sources (/etc/apt)")
