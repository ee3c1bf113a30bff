"""The pinned versions, and the cache key of a toolchain that is built from them."""

from __future__ import annotations

import functools
import hashlib
import platform
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
SOURCES = ("build.py", "mapping.py", "sdk.py", "trim.py", "versions.toml")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pins:
    """The content of versions.toml."""

    cli: str
    plugins: dict[str, str]  # name -> version
    releases: dict[str, str]  # plugin -> name and release of its upstream provider
    go: tuple[int, int]
    cold_minutes: int
    disk_gigabytes: int
    upstream: str  # module@version of the AWS provider
    services: list[str]


@functools.cache
def pins() -> Pins:
    """Return the pinned versions."""
    table = tomllib.loads((FOLDER / "versions.toml").read_text(encoding="utf-8"))
    build = table["build"]
    major, minor = build["go"].split(".")
    return Pins(
        cli=table["cli"],
        plugins=table["plugins"],
        releases={name: build[name]["release"] for name in table["plugins"]},
        go=(int(major), int(minor)),
        cold_minutes=build["cold_minutes"],
        disk_gigabytes=build["disk_gigabytes"],
        upstream=f"{build['aws']['module']}@{build['aws']['version']}",
        services=build["aws"]["services"],
    )


def go_version() -> str:
    """Return Go's version ("go1.26.8") without running it, or "" if Go is not installed."""
    if not (program := shutil.which("go")):
        return ""
    version = Path(program).resolve().parents[1] / "VERSION"
    return version.read_text(encoding="utf-8").split()[0] if version.exists() else "go"


def source_files(folder: Path = FOLDER) -> list[Path]:
    """Return the files that determine what is built."""
    trees = [path for tree in ("go", "overrides") for path in (folder / tree).rglob("*") if path.is_file()]
    return sorted([*(folder / name for name in SOURCES), *trees])


def key(folder: Path = FOLDER, go: str | None = None) -> str:
    """Return the cache key of the toolchain that the given version of Go builds from the files of `folder`."""
    digest = hashlib.sha256()
    for path in source_files(folder):
        text = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()} {len(text)}\n".encode() + text)
    digest.update(f"{platform.system()} {platform.machine()}".encode())
    return f"{digest.hexdigest()[:12]}-{go if go is not None else go_version()}"
