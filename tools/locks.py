"""The lock files of this project's Python environments, compiled from their `.in` files.

usage: python3 -m tools.locks [--upgrade]

Recompiles every lock; without --upgrade a package's version changes only where its requirements do.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tools.make_venv import uv_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[1]
BUILD_IMAGE = "localcloud/src/localcloud/images/codebuild"
# Each lock and its sources; a lock comes after those that constrain it.
LOCKS = {
    "requirements.txt": "requirements.in",
    "requirements-dev.txt": "requirements-dev.in",
    "delivery/requirements.txt": "delivery/requirements.in",
    "localcloud/requirements.txt": "localcloud/requirements.in",
    "tests/checkov/requirements.txt": "tests/checkov/requirements.in",
    f"{BUILD_IMAGE}/requirements.txt": f"{BUILD_IMAGE}/requirements.in",
    "app/requirements.txt": "app/pyproject.toml",
    "app/requirements-dev.txt": "app/requirements-dev.in",
    "app/requirements-acceptance.txt": "app/requirements-acceptance.in",
}
PYTHON = "3.11"
"""The oldest Python that a lock has to serve; --universal adds what newer ones and other platforms need."""
PINNED = re.compile(r"(?m)^([\w.-]+)(?:\[[^]]*\])?==(\S+)")


class LockError(Exception):
    """Raised when a lock cannot be compiled: one line with the lock and uv's reason."""


def pinned(lock: Path) -> dict[str, str]:
    """Return a lock's packages with their versions; empty if there is no such file."""
    return dict(PINNED.findall(lock.read_text("utf-8"))) if lock.exists() else {}


def uv(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run `uv pip compile` with these arguments, with pip's configured package index.

    Raises:
        LockError: uv is missing: it could not be installed when .venv was created.
    """
    program = Path(sys.executable).parent / "uv"
    if not program.exists():
        raise LockError(f"{program} is not there, and compiles the locks; remove .venv, then run: make venv")
    command = [str(program), "pip", "compile", "--quiet", *arguments]
    environment = uv_environment(Path(sys.executable))
    return subprocess.run(
        command, cwd=ROOT, env=environment, input=given, capture_output=True, text=True, check=False
    )  # fmt: skip


def compile_lock(lock: str, *, upgrade: bool) -> None:
    """Compile one lock for every platform and Python 3.11 or newer, with the hashes of all files of each release.

    Args:
        lock: a key of LOCKS.
        upgrade: take the newest allowed versions, otherwise keep the locked ones.

    Raises:
        LockError: a package is not available, or requirements conflict.
    """
    done = uv(
        "--universal", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links",
        f"--python-version={PYTHON}", f"--output-file={lock}",
        *(["--upgrade"] if upgrade else []), LOCKS[lock],
    )  # fmt: skip
    if done.returncode:
        raise LockError(f"{lock} cannot be compiled from {LOCKS[lock]}: {' '.join(done.stderr.split())}")


def newest(names: Sequence[str]) -> dict[str, str]:
    """Return the newest available version of each package.

    Raises:
        LockError: a package is not available.
    """
    done = uv("--no-deps", "--no-header", "--no-annotate", "-", given="\n".join(names))
    if done.returncode:
        raise LockError(f"the newest versions cannot be asked for: {' '.join(done.stderr.split())}")
    return dict(PINNED.findall(done.stdout))


def compile_all(*, upgrade: bool) -> list[str]:
    """Compile every lock; return one line for each version change of a package in a lock.

    Raises:
        LockError: a lock cannot be compiled; those before it have been written.
    """
    moved = []
    for lock in LOCKS:
        before = pinned(ROOT / lock)
        compile_lock(lock, upgrade=upgrade)
        after = pinned(ROOT / lock)
        moved += [
            f"{lock}: {name} {before.get(name, 'new')} -> {after.get(name, 'gone')}"
            for name in sorted(before.keys() | after.keys())
            if before.get(name) != after.get(name)
        ]
    return moved


def main() -> int:
    """Compile the locks and print the version changes; returns 0, or 1 with one line on stderr."""
    parser = argparse.ArgumentParser(prog="make lock", description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    try:
        moved = compile_all(upgrade=parser.parse_args().upgrade)
    except LockError as error:
        print(f"locks: {error}", file=sys.stderr)
        return 1
    print("\n".join(moved) if moved else "locks: nothing moved")
    return 0


if __name__ == "__main__":
    sys.exit(main())
