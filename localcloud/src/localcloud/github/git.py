"""Git commands in a bare repository, isolated from user and system configuration and from hooks."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from localcloud.settings import COMMAND

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 120
"""Timeout of one command."""
ALWAYS = {"core.hooksPath": "/dev/null", "safe.directory": "*", "gc.auto": "0", "i18n.logOutputEncoding": "UTF-8"}
REMEDY = f"install git (Debian and Ubuntu: apt-get install git), then: {COMMAND} up"


class GitError(Exception):
    """A failed git command; the message is the first line of its error output."""


def environment(**more: str) -> dict[str, str]:
    """Return git's environment, which excludes user and system configuration."""
    pairs = {f"GIT_CONFIG_KEY_{n}": key for n, key in enumerate(ALWAYS)}
    pairs |= {f"GIT_CONFIG_VALUE_{n}": value for n, value in enumerate(ALWAYS.values())}
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "TZ": "UTC",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_COUNT": str(len(ALWAYS)),
        **pairs,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ATTR_NOSYSTEM": "1",
        **more,
    }


def run(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Run git in a bare repository and return its output.

    Raises:
        GitError: the command failed.
    """
    done = subprocess.run(
        ["git", f"--git-dir={folder}", *arguments],
        input=stdin, capture_output=True, check=False, env=environment(), cwd="/", timeout=SECONDS,
    )  # fmt: skip
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise GitError(f"git {arguments[0]}: {lines[0]}")
    return done.stdout


def text(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    """Run git as `run` does and return its output as text; invalid UTF-8 is replaced.

    Raises:
        GitError: the command failed.
    """
    return run(folder, *arguments, stdin=stdin).decode(errors="replace")


def missing() -> str | None:
    """Return a one-line message if git or its HTTP backend is missing, or None."""
    if shutil.which("git") is None:
        return f"git is not installed, so nothing can be pushed: {REMEDY}"
    path = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=False, timeout=SECONDS).stdout
    if shutil.which("git-http-backend", path=path.strip()) is None:
        return f"git's http-backend is not in {path.strip()}, so nothing can be pushed: {REMEDY}"
    return None
