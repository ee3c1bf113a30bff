"""A task's images: pulled from their registry at every start, as Fargate does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import docker

if TYPE_CHECKING:
    from docker.models.images import Image

LOCAL_REGISTRY = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?/")


class PullError(Exception):
    """An image cannot be had; the message is a task's stopped reason in AWS's words."""


def pull(client: docker.DockerClient, reference: str, password: str, platform: str | None = None) -> Image:
    """Return the image, pulled. Blocking.

    An image of the local registry is always asked of it, so that a deleted one fails as on AWS; other images are
    pulled only where Docker has none of that name (stand-ins have no registry).

    Args:
        client: the Docker daemon.
        reference: the image.
        password: of the local registry, for the role that pulls.
        platform: that an index is asked for; None: the daemon's own.

    Raises:
        PullError: there is no such image.
    """
    try:
        if not LOCAL_REGISTRY.match(reference):
            try:
                return client.images.get(reference)
            except docker.errors.ImageNotFound:
                pass
        repository, tag = split(reference)
        login = {"username": "AWS", "password": password} if LOCAL_REGISTRY.match(reference) else None
        return client.images.pull(repository, tag=tag, auth_config=login, platform=platform)
    except docker.errors.DockerException as error:
        text = getattr(error, "explanation", None) or str(error)
        raise PullError(f"CannotPullContainerError: pull image manifest has been retried 1 time(s): {text}") from error


def split(reference: str) -> tuple[str, str]:
    """Return the repository and the tag or digest of a reference; the tag is "latest" where none is given."""
    name, at, digest = reference.partition("@")
    if at:
        return name, digest
    name, colon, tag = reference.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (reference, "latest")


def digest(image: Image, reference: str) -> str | None:
    """Return the digest by which the image's repository knows it, None for an image that was never in a registry."""
    repository, _ = split(reference)
    known = dict(entry.split("@", 1) for entry in image.attrs.get("RepoDigests") or [] if "@" in entry)
    return known.get(repository)
