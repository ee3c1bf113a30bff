"""The base images of this repository: named by tag and digest, moved together to what the tag means today."""

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
    """Return the repository's files that name a base image by digest."""
    command = ["git", "grep", "--files-with-matches", "--extended-regexp", "docker/library/[^@ ]+@sha256:"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return [root / name for name in done.stdout.splitlines()]


def digest(client: httpx.Client, name: str, tag: str) -> str:
    """Return the digest of the index (all platforms) that a tag of an official image names today.

    Args:
        client: with the registry's address and an anonymous token.
        name: such as `python`.
        tag: such as `3.11-slim-bookworm`.

    Raises:
        httpx.HTTPError: the registry refuses or gives no answer.
    """
    answer = client.head(f"/v2/docker/library/{name}/manifests/{tag}", headers={"Accept": INDEXES})
    answer.raise_for_status()
    return str(answer.headers["Docker-Content-Digest"])


def move(root: Path, registry: str = REGISTRY) -> tuple[list[str], list[str]]:
    """Write today's digests into the files that name base images.

    Args:
        root: the repository.
        registry: where it asks.

    Returns:
        What moved, a line each; and what could not be moved, with the reason.
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
