"""Checks of a build's requirements: Go, the SDKs, disk space.

Separate from build.py, which is part of a toolchain's key: changes here must not cause a rebuild.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from tools.toolchain.errors import ToolchainError, UnavailableError
from tools.toolchain.pins import go_version, pins
from tools.toolchain.places import site_packages

if TYPE_CHECKING:
    from pathlib import Path

NO_GO = "Install Go from go.dev or your system's packages, or the Pulumi CLI {cli} with its plugins from pulumi.com"


def check_go() -> str:
    """Return the installed version of Go.

    Raises:
        UnavailableError: Go is missing or too old.
    """
    needed, remedy = ".".join(map(str, pins().go)), NO_GO.format(cli=pins().cli)
    if not shutil.which("go"):
        raise UnavailableError(f"Go is not installed and a build needs {needed} or newer. {remedy}")
    version = go_version()
    if version == "go":  # a wrapper: only the command knows the version
        own = os.environ | {"GOTOOLCHAIN": "local"}
        version = subprocess.run(
            ["go", "env", "GOVERSION"], env=own, capture_output=True, text=True, check=False
        ).stdout
    found = re.match(r"go(\d+)\.(\d+)", version)
    if not found or (int(found[1]), int(found[2])) < pins().go:
        raise UnavailableError(
            f"{version.strip() or 'go'} is installed and a build needs Go {needed} or newer. {remedy}"
        )
    return version.strip()


def check_sdks() -> Path:
    """Return the folder of the SDKs, from which the plugins' mappings are derived.

    Raises:
        ToolchainError: an SDK is missing or has another version.
    """
    packages = site_packages()
    for name, version in pins().plugins.items():
        about = packages / f"pulumi_{name}" / "pulumi-plugin.json"
        found = json.loads(about.read_text(encoding="utf-8"))["version"] if about.exists() else "missing"
        if found != version:
            raise ToolchainError(
                f"pulumi-{name} in {packages} is {found}, versions.toml pins {version}: "
                "remove .venv, then run: make venv"
            )
    return packages


def check_disk(root: Path) -> None:
    """Refuse a build that would fill the disk.

    Raises:
        ToolchainError: there is too little disk space.
    """
    root.mkdir(parents=True, exist_ok=True)
    free, needed = shutil.disk_usage(root).free >> 30, pins().disk_gigabytes
    if free < needed:
        raise ToolchainError(
            f"{root} has {free} GB free and a build takes {needed}: free space, or set LOCALCLOUD_CACHE"
        )
