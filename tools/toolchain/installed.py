"""The first source of a toolchain: an existing Pulumi installation."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from tools.toolchain.errors import UnavailableError
from tools.toolchain.layout import Toolchain, missing_plugins
from tools.toolchain.pins import key, pins
from tools.toolchain.places import TOOLCHAIN


def program() -> tuple[Path, str]:
    """Return the installed `pulumi` and its version ("3.256.0"), ignoring our own.

    Raises:
        UnavailableError: none of the pinned major version is installed, or it lacks the Python language host.
    """
    ours = {str(TOOLCHAIN / "bin"), str((TOOLCHAIN / "bin").resolve())}
    path = os.pathsep.join(part for part in os.environ.get("PATH", "").split(os.pathsep) if part not in ours)
    found = shutil.which("pulumi", path=path)
    if not found:
        raise UnavailableError("pulumi is not installed")
    try:
        shown = subprocess.run([found, "version"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{found} does not tell its version: {error}") from error
    version = re.fullmatch(r"v(\d+\.\d+\.\d+)\S*", shown.strip())
    if not version or version[1].split(".")[0] != pins().cli.split(".")[0]:
        raise UnavailableError(f"{found} is {shown.strip() or 'no Pulumi CLI'}, wanted is v{pins().cli}")
    real = Path(found).resolve()
    if not (real.parent / "pulumi-language-python").exists():
        raise UnavailableError(f"{found} has no pulumi-language-python beside it")
    return real, version[1]


def find() -> tuple[Toolchain, str]:
    """Return the installed toolchain and a one-line description.

    Raises:
        UnavailableError: the CLI or a plugin at its pinned version is not installed.
    """
    real, version = program()
    own = os.environ.get("PULUMI_HOME", "")
    home = Path.home() / ".pulumi" if not own or Path(own) == TOOLCHAIN / "home" else Path(own)
    if missing := missing_plugins(home / "plugins"):
        raise UnavailableError(f"pulumi {version} is installed, but not its plugins {', '.join(missing)}")
    remark = "" if version == pins().cli else f" (pinned and tested is {pins().cli}; the same major version is taken)"
    toolchain = Toolchain(origin="installed", key=key(), programs=str(real.parent), plugins=str(home / "plugins"))
    return toolchain, f"{real} {version}{remark} and the plugins in {home}"
