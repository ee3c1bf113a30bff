"""LOCAL_CUSTOM_CACHE: the paths of a buildspec's `cache` are Docker volumes of the project."""

from __future__ import annotations

import hashlib
import posixpath
from typing import TYPE_CHECKING

import docker

if TYPE_CHECKING:
    from localcloud.docker_engine.service_containers import ServiceContainers
    from localcloud.services.codebuild.buildspec import Buildspec
    from localcloud.state.table import Doc

MODE = "LOCAL_CUSTOM_CACHE"
HOME = "/root"


def mounts(build: Doc, spec: Buildspec, source: str, network: str) -> dict[str, str]:
    """Return the folders to mount by volume name; empty if the project has no custom cache.

    Args:
        build: the build.
        spec: its buildspec, whose cache paths end in `/**/*` or name a folder.
        source: the source folder, which relative paths are resolved against.
        network: the local cloud's Docker network: several local clouds may share one Docker Engine.
    """
    cache = build.get("cache") or {}
    if cache.get("type") != "LOCAL" or MODE not in cache.get("modes", []):
        return {}
    folders = sorted({folder(path, source) for path in spec.cached})
    return {f"{network}-cache-{build['projectName']}-{short(path, source)}": path for path in folders}


def folder(path: str, source: str) -> str:
    """Return the folder of a cache path."""
    plain = path.split("*", 1)[0].rstrip("/") or "/"
    for home in ("~", "$HOME", "${HOME}"):
        plain = plain.replace(home, HOME, 1) if plain.startswith(home) else plain
    return posixpath.normpath(posixpath.join(source, plain))


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
