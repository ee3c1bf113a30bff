"""The layout of a toolchain in a repository: `.toolchain/bin`, `.toolchain/home`, and a record of its origin."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.toolchain.pins import FOLDER, pins
from tools.toolchain.places import TOOLCHAIN, site_packages

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = """#!/bin/sh
# Written by `python3 -m tools.toolchain`: Pulumi starts this file to run Python programs and policy packs.
exec '{python}' -u '{host}' "$@"
"""
DYNAMIC = """#!/bin/sh
# Written by `python3 -m tools.toolchain`: serves dynamic providers (pulumi.dynamic); the engine names the
# project's virtual environment in PULUMI_RUNTIME_VIRTUALENV.
own=${{PULUMI_RUNTIME_VIRTUALENV:+$PULUMI_RUNTIME_VIRTUALENV/bin/python}}
exec "${{own:-{python}}}" -u -m pulumi.dynamic "$@"
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Toolchain:
    """A toolchain on this machine, from any source."""

    origin: str  # "built", "official" or "installed"
    key: str
    programs: str  # the folder of `pulumi`
    plugins: str  # the folder of plugins in Pulumi's layout


def plugin_folder(plugins: Path, name: str, version: str) -> Path:
    """Return the path at which Pulumi looks for a resource plugin in a folder of plugins."""
    return plugins / f"resource-{name}-v{version}"


def missing_plugins(plugins: Path) -> list[str]:
    """Return the pinned plugins, as `aws 7.21.0`, that are missing in a folder of plugins."""
    pinned = pins().plugins.items()
    return [
        f"{name} {version}"
        for name, version in pinned
        if not (plugin_folder(plugins, name, version) / f"pulumi-resource-{name}").exists()
    ]


def recorded(target: Path = TOOLCHAIN) -> Toolchain | None:
    """Return the toolchain at `target`, or None if it is incomplete or its files are missing."""
    try:
        toolchain = Toolchain(**json.loads((target / "toolchain.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    whole = (target / "bin" / "pulumi").exists() and (Path(toolchain.programs) / "pulumi").exists()
    return toolchain if whole and not missing_plugins(target / "home" / "plugins") else None


def _put(path: Path, make: Callable[[Path], object]) -> None:
    """Let `make` write the file under a temporary name, then rename it to `path` atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    make(fresh)
    fresh.replace(path)


def _script(path: Path, text: str) -> None:
    def write(fresh: Path) -> None:
        fresh.write_text(text, encoding="utf-8")
        fresh.chmod(0o755)

    _put(path, write)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # on another file system
        shutil.copy2(source, target)


def publish(toolchain: Toolchain, target: Path = TOOLCHAIN) -> None:
    """Link the toolchain at `target`, keeping the existing contents of its `home`.

    A built `pulumi` looks for the language host in its own folder. The language host depends on this repository's
    virtual environment, so `pulumi` is hard-linked here (Pulumi would follow a symbolic link), and the shared cache
    contains no paths into repositories.
    """
    if target.is_symlink():
        target.unlink()
    target.mkdir(parents=True, exist_ok=True)
    (target / "toolchain.json").unlink(missing_ok=True)  # incomplete from here on
    programs = Path(toolchain.programs)
    names = {"pulumi", "pulumi-language-python", "pulumi-resource-pulumi-python"}
    if toolchain.origin == "built":
        python = site_packages().parents[2] / "bin" / "python"
        _put(target / "bin" / "pulumi", lambda fresh: _link_or_copy(programs / "pulumi", fresh))
        _script(target / "bin" / "pulumi-language-python", HOST.format(python=python, host=FOLDER / "host"))
        _script(target / "bin" / "pulumi-resource-pulumi-python", DYNAMIC.format(python=python))
    else:
        names = {program.name for program in programs.glob("pulumi*")}
        for program in programs.glob("pulumi*"):
            _put(target / "bin" / program.name, lambda fresh, program=program: fresh.symlink_to(program))  # type: ignore[misc]  # a default argument binds the loop's value
    for stale in [path for path in (target / "bin").iterdir() if path.name not in names]:
        stale.unlink()
    plugins = target / "home" / "plugins"
    if plugins.is_dir() and not plugins.is_symlink():
        shutil.rmtree(plugins)
    _put(plugins, lambda fresh: fresh.symlink_to(toolchain.plugins))
    record = json.dumps(asdict(toolchain), indent=2) + "\n"
    _put(target / "toolchain.json", lambda fresh: fresh.write_text(record, encoding="utf-8"))
