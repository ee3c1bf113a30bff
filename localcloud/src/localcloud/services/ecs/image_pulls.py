"""Pulls a task's images from their registry at every start, as Fargate does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import docker
import httpx

if TYPE_CHECKING:
    from docker.models.images import Image

LOCAL_REGISTRY = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?/")


class PullError(Exception):
    """An image cannot be pulled; the message is the task's stopped reason as on AWS."""


def pull(client: docker.DockerClient, reference: str, password: str, platform: str | None = None) -> Image:
    """Pull an image and return it. Blocking.

    An image of the local registry is always pulled, so that a deleted one fails as on AWS; other images are pulled
    only if Docker has none of that name (stand-ins have no registry).

    Args:
        client: the Docker daemon.
        reference: the image reference.
        password: the local registry's password for the role that pulls.
        platform: the platform to select from an index; None: the daemon's own.

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
        found = client.images.pull(repository, tag=tag, auth_config=login, platform=platform)
        # Docker 20.10 binds a digest to one image: that of an index to the first image that was pulled from it.
        if login and platform and found.attrs["Architecture"] != platform.rpartition("/")[2]:
            part = part_of(reference, password, platform)
            found = client.images.pull(repository, tag=part, auth_config=login, platform=platform) if part else found
    except docker.errors.DockerException as error:
        text = getattr(error, "explanation", None) or str(error)
        raise PullError(f"CannotPullContainerError: pull image manifest has been retried 1 time(s): {text}") from error
    return found


def part_of(reference: str, password: str, platform: str) -> str:
    """Return the digest of an index's image for a platform; "" if the reference is not an index.

    Raises:
        PullError: the index has no such image, or cannot be read.
    """
    name, tag = split(reference)
    host, _, repository = name.partition("/")
    try:
        answer = httpx.get(f"http://{host}/v2/{repository}/manifests/{tag}", auth=("AWS", password), trust_env=False)
        rows = answer.raise_for_status().json().get("manifests")
    except (httpx.HTTPError, ValueError) as error:
        raise PullError(f"CannotPullContainerError: {reference} cannot be read: {error}") from error
    if rows is None:
        return ""
    wanted = dict(zip(("os", "architecture"), platform.split("/"), strict=True))
    for row in rows:
        if wanted.items() <= (row.get("platform") or {}).items():
            return str(row["digest"])
    raise PullError(
        f"CannotPullContainerError: pull image manifest has been retried 1 time(s): image Manifest does not contain "
        f"descriptor matching platform '{platform}'"
    )


def split(reference: str) -> tuple[str, str]:
    """Return the repository and the tag or digest of a reference; the default tag is "latest"."""
    name, at, digest = reference.partition("@")
    if at:
        return name, digest
    name, colon, tag = reference.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (reference, "latest")


def digest(image: Image, reference: str) -> str | None:
    """Return the digest in the reference, else the image's digest in that repository.

    None if the image was never in a registry.
    """
    repository, asked = split(reference)
    if asked.startswith("sha256:"):
        return asked
    known = dict(entry.split("@", 1) for entry in image.attrs.get("RepoDigests") or [] if "@" in entry)
    return known.get(repository)
