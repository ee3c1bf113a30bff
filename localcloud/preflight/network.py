"""Which servers a set-up will fetch from, and whether they answer."""

from __future__ import annotations

import configparser
import contextlib
import functools
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.preflight.findings import Problem
from toolchain import reach

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_INDEX = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
"""A program that tells pip's own index; a Python without pip tells nothing, and nothing is asked."""
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


def package_index() -> Iterator[Problem]:
    """Look at the package index that pip is configured with."""
    if pip_setting("no-index").lower() in ("1", "true", "yes", "on"):
        return
    index = pip_setting("index-url") or output(sys.executable, "-c", DEFAULT_INDEX).strip()
    address = f"{index.rstrip('/')}/pip/"  # a page of any index, and a short one
    yield from need("Python packages", [address], "see to the network, a proxy, or pip's index-url (pip config list)")


def pip_setting(name: str) -> str:
    """Return a setting of pip's environment variables or else files, "" where it has none."""
    if own := os.environ.get(f"PIP_{name.upper().replace('-', '_')}"):
        return own
    user, named = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config"), os.environ.get("PIP_CONFIG_FILE", "")
    files = ("/etc/pip.conf", "~/.pip/pip.conf", f"{user}/pip/pip.conf", named)  # pip's documentation: the last wins
    parser = configparser.RawConfigParser(strict=False)
    with contextlib.suppress(configparser.Error):
        parser.read([os.path.expanduser(file) for file in files if file and named != os.devnull])  # noqa: PTH111 - "~" of no home stays
    return next((parser[part][name] for part in ("install", "global") if parser.has_option(part, name)), "")


def go_proxy() -> Iterator[Problem]:
    """Look at the Go proxy that GOPROXY names."""
    addresses = re.split(r"[,|]", output("go", "env", "GOPROXY").strip())
    yield from need("Go modules", addresses, "see to the network, a proxy, or GOPROXY (go env GOPROXY)")


def debian() -> Iterator[Problem]:
    """Look at the mirrors that apt is configured with: the distribution's own, where they can be told by name."""
    lists = Path("/etc/apt").glob("**/*.list"), Path("/etc/apt").glob("**/*.sources")
    texts = [path.read_text("utf-8", "replace") for found in lists for path in found if os.access(path, os.R_OK)]
    addresses = re.findall(r"(?m)^(?:deb(?:[ \t]+\[[^]]*\])?[ \t]+|URIs:[ \t]*)(\S+)", "\n".join(texts))
    own = [address for address in dict.fromkeys(addresses) if re.search(r"/(debian|ubuntu)", address)]
    yield from need("Debian packages", own or addresses, "see to the network, a proxy, or apt's sources (/etc/apt)")
