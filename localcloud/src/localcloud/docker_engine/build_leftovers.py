"""What a privileged build has started and not taken away: on AWS its Docker daemon ends with it, here it goes on."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import docker

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "com.docker.compose.project.working_dir"
PROJECT = "com.docker.compose.project"
BUILDS = "builds"
"""The folder of the builds' work folders, in the state folder."""


def remove(client: docker.DockerClient, folder: Path) -> list[str]:
    """Remove the containers that a build has started from its work folder, with their Compose networks and volumes.

    Those are told by Compose's label and by what they mount; a container of `docker run` that mounts nothing of the
    build's is not known to be its own. What another build uses stays. Blocking.

    Args:
        client: the Docker daemon.
        folder: the build's work folder, or that of all builds.

    Returns:
        The containers' names.
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
    """Return the containers that were started from a folder or mount something of it, as Docker's API lists them."""
    return [row for row in client.api.containers(all=True) if belongs(row, f"{folder}/")]


def name(row: dict[str, Any]) -> str:
    """Return a listed container's name."""
    return str(row["Names"][0].lstrip("/"))


def belongs(row: dict[str, Any], folder: str) -> bool:
    """Tell whether a container was started from a folder or mounts something of it."""
    if f"{(row.get('Labels') or {}).get(FOLDER, '')}/".startswith(folder):
        return True
    return any(f"{mount.get('Source', '')}/".startswith(folder) for mount in row.get("Mounts") or [])
