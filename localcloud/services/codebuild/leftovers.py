"""What a privileged build has started and not taken away: on AWS its Docker daemon ends with it, here it goes on."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import docker

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "com.docker.compose.project.working_dir"
PROJECT = "com.docker.compose.project"


def remove(client: docker.DockerClient, folder: Path) -> list[str]:
    """Remove the containers that a build has started from its work folder, with their Compose networks and volumes.

    Those are told by Compose's label and by what they mount; a container of `docker run` that mounts nothing of the
    build's is not known to be its own. What another build uses stays. Blocking.

    Args:
        client: the Docker daemon.
        folder: the build's work folder.

    Returns:
        The containers' names.
    """
    rows = [row for row in client.api.containers(all=True) if belongs(row, f"{folder}/")]
    for row in rows:
        with contextlib.suppress(docker.errors.APIError):
            client.api.remove_container(row["Id"], force=True, v=True)
    projects = {row["Labels"][PROJECT] for row in rows if PROJECT in (row.get("Labels") or {})}
    for project in projects:
        filters = {"label": f"{PROJECT}={project}"}
        for left in (*client.networks.list(filters=filters), *client.volumes.list(filters=filters)):
            with contextlib.suppress(docker.errors.APIError):  # in use by another build
                left.remove()
    return [row["Names"][0].lstrip("/") for row in rows]


def belongs(row: dict[str, Any], folder: str) -> bool:
    """Tell whether a container was started from a folder or mounts something of it."""
    if f"{(row.get('Labels') or {}).get(FOLDER, '')}/".startswith(folder):
        return True
    return any(f"{mount.get('Source', '')}/".startswith(folder) for mount in row.get("Mounts") or [])
