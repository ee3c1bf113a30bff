"""Paths: the repository's `.toolchain`, and the cache that clones share."""

from __future__ import annotations

import os
from pathlib import Path

from tools.toolchain.errors import ToolchainError

REPOSITORY = Path(__file__).resolve().parents[2]
TOOLCHAIN = REPOSITORY / ".toolchain"


def cache() -> Path:
    """Return the folder of toolchains, below $LOCALCLOUD_CACHE or the user's cache folder."""
    if own := os.environ.get("LOCALCLOUD_CACHE"):
        return Path(own).absolute() / "toolchain"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).absolute() / "slipway" / "toolchain"


def site_packages() -> Path:
    """Return the site-packages folder of the project's virtual environment, which contains the SDKs.

    Raises:
        ToolchainError: it does not exist.
    """
    found = sorted((REPOSITORY / ".venv" / "lib").glob("python3*/site-packages/pulumi"))
    if not found:
        raise ToolchainError(
            f"{REPOSITORY / '.venv'} has no Pulumi SDK and the language host runs on it: run: make venv"
        )
    return found[-1].parent


def environment() -> dict[str, str]:
    """Return only the environment variables that make a process use this toolchain.

    Merge them into the process's own: `os.environ | environment()`. PATH is this process's PATH, preceded by the
    toolchain's programs.

    Raises:
        ToolchainError: `.toolchain` is missing.
    """
    if not (TOOLCHAIN / "bin" / "pulumi").exists():
        raise ToolchainError(f"{TOOLCHAIN} is missing: run `make setup` (or `python3 -m tools.toolchain`)")
    programs = str(TOOLCHAIN / "bin")
    rest = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part != programs]
    return {
        "PATH": os.pathsep.join([programs, *rest]),
        "PULUMI_HOME": str(TOOLCHAIN / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
