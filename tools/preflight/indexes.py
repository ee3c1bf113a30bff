"""Checks that the package index and the Go module proxy are reachable."""

from __future__ import annotations

import configparser
import contextlib
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.preflight.network import need, output

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.preflight.findings import Problem

DEFAULT_INDEX = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
"""A program that tells pip's own index; a Python without pip tells nothing, and nothing is asked."""


def package_index() -> Iterator[Problem]:
    """Check the package index that pip is configured with."""
    if pip_setting("no-index").lower() in ("1", "true", "yes", "on"):
        return
    index = pip_setting("index-url") or output(sys.executable, "-c", DEFAULT_INDEX).strip()
    address = f"{index.rstrip('/')}/pip/"  # a short page that every index has
    yield from need("Python packages", [address], "see to the network, a proxy, or pip's index-url (pip config list)")


def pip_setting(name: str) -> str:
    """Return a pip setting from its environment variables or else its configuration files, "" if it is not set."""
    if own := os.environ.get(f"PIP_{name.upper().replace('-', '_')}"):
        return own
    user, named = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config"), os.environ.get("PIP_CONFIG_FILE", "")
    files = ("/etc/pip.conf", "~/.pip/pip.conf", f"{user}/pip/pip.conf", named)  # pip's documentation: the last wins
    parser = configparser.RawConfigParser(strict=False)
    with contextlib.suppress(configparser.Error):
        parser.read([os.path.expanduser(file) for file in files if file and named != os.devnull])  # noqa: PTH111 - "~" of no home stays
    return next((parser[part][name] for part in ("install", "global") if parser.has_option(part, name)), "")


def go_proxy() -> Iterator[Problem]:
    """Check the Go module proxy that GOPROXY names."""
    addresses = re.split(r"[,|]", output("go", "env", "GOPROXY").strip())
    yield from need("Go modules", addresses, "see to the network, a proxy, or GOPROXY (go env GOPROXY)")
