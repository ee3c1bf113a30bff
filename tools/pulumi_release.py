"""The pinned Pulumi release: CLI, engine and Python SDK have the same version and are updated together."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tools.toolchain.build import CLI
from tools.toolchain.pins import FOLDER, pins
from tools.toolchain.trim import trim

MODULES = ("github.com/pulumi/pulumi/pkg/v3", "github.com/pulumi/pulumi/sdk/v3")
# Not in the checksum database (tools/toolchain/README.md); go.sum has the hashes of the first download.
UNKNOWN = "github.com/upbound/*,github.com/integrations/*,github.com/kreuzwerker/*,github.com/bored-engineer/*"
LISTED = ["go", "list", "-deps", "-tags", "no_compose", CLI, "./cmd/..."]


class MoveError(Exception):
    """Raised when a release cannot be pinned: one line with the reason; no file has changed."""


def go(command: list[str], folder: Path) -> str:
    """Run a go command that may write go.mod and go.sum; returns what it prints.

    Raises:
        MoveError: the command failed.
    """
    if not shutil.which("go"):
        raise MoveError("Go is not installed, which pins the CLI's modules")
    own = {"GOFLAGS": "-mod=mod", "GONOSUMDB": UNKNOWN, "GOTOOLCHAIN": "local", "GOWORK": "off"}
    done = subprocess.run(command, cwd=folder, env=os.environ | own, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MoveError(f"{' '.join(command[:3])} fails: {' '.join(done.stderr.split())[-300:]}")
    return done.stdout


def resolve(version: str, work: Path) -> None:
    """Write go.mod and go.sum of a release into a copy of the toolchain's Go module.

    Args:
        version: such as `3.272.0`.
        work: the folder of the copy; the trimmed AWS provider is written into it, as in a build.

    Raises:
        MoveError: a module is not available, or requirements conflict.
    """
    found = json.loads(go(["go", "mod", "download", "-json", pins().upstream], work))
    trim(Path(found["Dir"]), work / "upstream", pins().services, FOLDER / "go" / "internal" / "waits" / "waits.go")
    sums = (work / "go.sum").read_text("utf-8")
    go(["go", "get", *(f"{module}@v{version}" for module in MODULES)], work)
    (work / "go.sum").write_text(sums, "utf-8")  # without the thousands of modules that a build does not need
    go(LISTED, work)


def served(version: str) -> bool:
    """Return whether the Go module proxy serves the CLI and the SDK of a release."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            go(["go", "mod", "download", *(f"{module}@v{version}" for module in MODULES)], Path(folder))
    except MoveError:
        return False
    return True


def newest(of_python: str) -> str:
    """Return the newest release that all registries serve: a registry may lack a version that another serves.

    Args:
        of_python: the newest version of the Python SDK, which limits the version of the CLI.
    """
    major, minor, patch = of_python.split(".")
    oldest = int(pins().cli.split(".")[1])
    candidates = [of_python, *(f"{major}.{each}.0" for each in range(int(minor) - (patch == "0"), oldest, -1))]
    return next((version for version in candidates if served(version)), pins().cli)


def move(version: str, root: Path) -> None:
    """Pin another Pulumi release: go.mod, go.sum, versions.toml and requirements.in.

    Args:
        version: such as `3.272.0`.
        root: the repository.

    Raises:
        MoveError: the release cannot be pinned.
    """
    source = root / "toolchain" / "go"
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "go"
        shutil.copytree(source, work)
        resolve(version, work)
        for name in ("go.mod", "go.sum"):
            shutil.copyfile(work / name, source / name)
    for name, old, new in (
        ("tools/toolchain/versions.toml", r'(?m)^cli = ".*"', f'cli = "{version}"'),
        ("requirements.in", r"(?m)^pulumi==\S+", f"pulumi=={version}"),
    ):
        path = root / name
        path.write_text(re.sub(old, new, path.read_text("utf-8")), "utf-8")
