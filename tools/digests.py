"""The base images' pins, by tag and digest, and their update to the tags' current digests."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from pathlib import Path

REGISTRY = "https://public.ecr.aws"
NAMED = re.compile(r"docker/library/([a-z]+):([\w.-]+)@(sha256:[0-9a-f]{64})")
INDEXES = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
SECONDS = 20


def files(root: Path) -> list[Path]:
    """Return the repository's files that pin a base image by digest."""
    command = ["git", "grep", "--files-with-matches", "--extended-regexp", "docker/library/[^@ ]+@sha256:"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return [root / name for name in done.stdout.splitlines()]


def digest(client: httpx.Client, name: str, tag: str) -> str:
    """Return the current digest of the index (for all platforms) of an official image's tag.

    Args:
        client: a client with the registry's URL and an anonymous token.
        name: the image, such as `python`.
        tag: the tag, such as `3.11-slim-bookworm`.

    Raises:
        httpx.HTTPError: the registry returns an error, or does not respond.
    """
    answer = client.head(f"/v2/docker/library/{name}/manifests/{tag}", headers={"Accept": INDEXES})
    answer.raise_for_status()
    return str(answer.headers["Docker-Content-Digest"])


def move(root: Path, registry: str = REGISTRY) -> tuple[list[str], list[str]]:
    """Update the digests in the files that pin base images.

    Args:
        root: the repository.
        registry: the registry's URL.

    Returns:
        The updates, and the failed updates with their reasons; one line each.
    """
    texts = {path: path.read_text("utf-8") for path in files(root)}
    named = sorted({match for text in texts.values() for match in NAMED.findall(text)})
    try:
        with httpx.Client(base_url=registry, timeout=SECONDS) as client:
            token = client.get("/token/", params={"service": "public.ecr.aws"}).raise_for_status().json()["token"]
            client.headers["Authorization"] = f"Bearer {token}"
            today = {(name, tag, old): digest(client, name, tag) for name, tag, old in named}
    except (httpx.HTTPError, ValueError, KeyError) as error:
        return [], [f"base images: {registry} gives no digests ({error}); try again where it can be reached"]
    lines = []
    for (name, tag, old), new in today.items():
        if new != old:
            texts = {path: text.replace(f"{name}:{tag}@{old}", f"{name}:{tag}@{new}") for path, text in texts.items()}
            lines.append(f"{name}:{tag} {old[:19]} -> {new[:19]}")
    for path, text in texts.items():
        path.write_text(text, "utf-8")
    return lines, []
