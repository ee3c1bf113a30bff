"""LOCAL_CUSTOM_CACHE: the paths of a buildspec's `cache` are Docker volumes of the project."""

from __future__ import annotations

import hashlib
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

import docker

from localcloud.services.codebuild import path_variables
from localcloud.services.codebuild.build_context import SOCKET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.docker_engine.service_containers import ServiceContainers
    from localcloud.services.codebuild.buildspec import Buildspec
    from localcloud.state.table import Doc

MODE = "LOCAL_CUSTOM_CACHE"
HOME = "/root"
END = re.compile(r"(?:(?:^|/)\*{1,2})+/?$")
"""The end of a path that names a folder's content: `/*`, `/**`, `/**/*`."""
WILDCARDS = re.compile(r"[*?\[]")
RESERVED = ("/proc", "/sys", "/dev", SOCKET)


class _UncachedError(Exception):
    """A path cannot be cached; the message is the reason."""


def mounts(
    build: Doc, spec: Buildspec, places: Mapping[str, str], variables: Mapping[str, str], network: str
) -> tuple[dict[str, str], list[str]]:
    """Return the folders to mount by volume name, and a line for each path that is not cached.

    Both are empty if the project has no custom cache.

    Args:
        build: the build.
        spec: its buildspec, whose cache paths end in `/**/*` or name a folder.
        places: source folders by source identifier; relative paths are resolved against that of "".
        variables: the build's environment variables, which are expanded in the paths.
        network: the local cloud's Docker network: several local clouds may share one Docker Engine.
    """
    cache = build.get("cache") or {}
    if cache.get("type") != "LOCAL" or MODE not in cache.get("modes", []):
        return {}, []
    found, lines = set(), []
    for path in spec.cached:
        try:
            found.add(folder(path, places, variables))
        except (_UncachedError, path_variables.UnknownVariableError) as error:
            lines.append(f"Cache path {path} is not cached: {error}")
    prefix = f"{network}-cache-{build['projectName']}"
    return {f"{prefix}-{short(path, places[''])}": path for path in sorted(found)}, lines


def folder(path: str, places: Mapping[str, str], variables: Mapping[str, str]) -> str:
    """Return the folder of a cache path.

    Raises:
        _UncachedError: it is not one folder, or a volume there would hide what the build needs.
        UnknownVariableError: the build has no such variable.
    """
    plain = END.sub("", path) or ("/" if path.startswith("/") else ".")
    if WILDCARDS.search(plain):
        raise _UncachedError("the local cloud caches a folder that is named without a wildcard before its end")
    home = variables.get("HOME", HOME)
    plain = f"{home}{plain[1:]}" if plain == "~" or plain.startswith("~/") else plain
    found = posixpath.normpath(posixpath.join(places[""], path_variables.expanded(plain, {"HOME": home, **variables})))
    found = f"/{found.lstrip('/')}"
    if found == "/" or any(f"{found}/".startswith(f"{name}/") for name in RESERVED):
        raise _UncachedError("Docker mounts no volume there")
    if ":" in found:
        raise _UncachedError("the folder's name contains a colon, which Docker does not take")
    if f"{found}/".startswith(f"{posixpath.dirname(places[''])}/"):
        keep_sources(Path(found), [Path(place) for place in places.values()])
    return found


def keep_sources(place: Path, sources: list[Path]) -> None:
    """Refuse a folder of the build's own where a volume would hide a file.

    Raises:
        _UncachedError: it is not below a source folder, or has files.
    """
    source = next((source for source in sources if source in place.parents), None)
    if source is None:
        raise _UncachedError("a cache would hide the build's own files")
    if place.resolve() != source.resolve() / place.relative_to(source):
        raise _UncachedError("it leads through a symbolic link")
    if any(path.is_file() for path in (place, *place.parents)):
        raise _UncachedError("only folders are cached, and it is a file")
    if place.is_dir() and any(place.iterdir()):
        raise _UncachedError("a cache would hide the sources, which have files there")


def short(path: str, source: str) -> str:
    """Return a short name for a folder that is the same for all builds, although their source folders differ."""
    return hashlib.sha256(path.replace(source, ".", 1).encode()).hexdigest()[:12]


def ensure(engine: ServiceContainers, project: str, volume: str) -> None:
    """Create a volume with the local cloud's labels unless it exists. Blocking."""
    try:
        engine.client.volumes.get(volume)
    except docker.errors.NotFound:
        engine.client.volumes.create(volume, labels=engine.labels(project=project))


def remove(engine: ServiceContainers, project: str | None) -> list[str]:
    """Remove a project's volumes (None: those of all projects); return the names of those in use. Blocking."""
    used: list[str] = []
    wanted = engine.labels(project=project) if project else engine.labels()
    labels = [f"{key}={value}" for key, value in wanted.items()]
    for volume in engine.client.volumes.list(filters={"label": labels}):
        try:
            volume.remove(force=True)
        except docker.errors.NotFound:
            continue
        except docker.errors.APIError:
            used.append(volume.name)
    return used
