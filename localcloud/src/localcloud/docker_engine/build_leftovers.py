"""Clean-up of containers that a privileged build leaves running: on AWS the build's Docker daemon ends with it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import docker

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "com.docker.compose.project.working_dir"
PROJECT = "com.docker.compose.project"
BUILDS = "builds"
"""The parent of the builds' work folders, in the state folder."""


def remove(client: docker.DockerClient, folder: Path) -> list[str]:
    """Remove the containers that a build started from its work folder, with their Compose networks and volumes.

    They are identified by Compose's label and by their mounts; a container of `docker run` that mounts nothing from the
    folder cannot be attributed to the build. Resources that another build uses stay. Blocking.

    Args:
        client: the Docker daemon.
        folder: the build's work folder, or the parent of all.

    Returns:
        The names of the removed containers.
    """
    rows = started_from(client, folder)
    for row in rows:
        with contextlib.suppress(docker.errors.APIError):
            client.api.remove_container(row["Id"], force=True, v=True)
    projects = {row["Labels"][PROJECT] for row in rows if PROJECT in (row.get("Labels") or {})}
    for project in projects:
        filters = {"label": f"{PROJECT}={project}"}
        for left in (*client.networks.list(filters=filters), *client.volumes.list(filters=filters)):
            with contextlib.suppress(docker.errors.APIError):  # in use by another build
                left.remove()
    return [name(row) for row in rows]


def started_from(client: docker.DockerClient, folder: Path) -> list[dict[str, Any]]:
    """Return the containers that were started from a folder or mount part of it, as Docker's API lists them."""
    return [row for row in client.api.containers(all=True) if belongs(row, f"{folder}/")]


def name(row: dict[str, Any]) -> str:
    """Return a listed container's name."""
    return str(row["Names"][0].lstrip("/"))


def belongs(row: dict[str, Any], folder: str) -> bool:
    """Tell whether a container was started from a folder or mounts part of it."""
    if f"{(row.get('Labels') or {}).get(FOLDER, '')}/".startswith(folder):
        return True
    return any(f"{mount.get('Source', '')}/".startswith(folder) for mount in row.get("Mounts") or [])
