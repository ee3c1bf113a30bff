"""Checks of what a running local cloud needs: a usable Docker Engine, base images, the port, memory."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from localcloud.commands import process
from localcloud.docker_engine import daemon, dockerd
from localcloud.docker_engine.base_images import STAND_INS, lacking, registry_answers
from localcloud.preflight import network
from localcloud.preflight.findings import Finding, Leave, Problem, Room, Step, Warned
from localcloud.settings import IMAGE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.settings import Settings

OLDEST_API = (1, 41)
"""The API version of Docker 20.10, the oldest Engine that has been tested."""
IMAGES_GIGABYTES, RELEASE_GIGABYTES = 6, 1
"""Disk space of the base images and the containers of two small stacks, and of one more release of them."""
IMAGES_SECONDS, ENGINE_SECONDS = 100, 25
MEMORY_GIGABYTES = 7
"""The minimum without a warning: 8 GiB are recommended, of which the kernel reserves some."""


def engine(settings: Settings) -> Iterator[Finding]:
    """Check the Docker Engine, or whether one may be installed and started.

    Raises:
        UserError: no daemon responds, and none may be started.
    """
    yield Room(settings.cache_dir, 0, "cache", "LOCALCLOUD_CACHE")
    version = daemon.ask("/version")
    if version is not None:
        yield from usable(version)
        return
    daemon.refuse_silent(daemon.socket_path())
    missing = shutil.which("dockerd") is None
    daemon.refuse_where_not_ours(os.environ.get("DOCKER_HOST", ""), os.geteuid(), shutil.which("dockerd"))
    what = f"install ({' '.join(dockerd.PACKAGES)}: 350 MB) and start" if missing else "start"
    yield Step(f"{what} a Docker Engine, data in {settings.cache_dir / 'docker'}", ENGINE_SECONDS if missing else 2)
    yield Leave("no Docker Engine answers", f"{what} one")
    if missing:
        yield from network.debian()
    data = settings.cache_dir / "docker"
    made = (data / "image").exists()
    yield Room(data, needed(made=made), "Docker's images", "LOCALCLOUD_CACHE")
    yield from images(made=made)


def usable(version: dict[str, Any]) -> Iterator[Finding]:
    """Check the version, the storage and the base images of the running engine."""
    api = tuple(int(part) for part in str(version.get("ApiVersion", "0")).split("."))
    if api < OLDEST_API:
        yield Problem(f"Docker Engine {version.get('Version')} is older than 20.10, which is needed: update it")
    about = daemon.ask("/info") or {}
    if "io.containerd.snapshotter.v1" in json.dumps(about.get("DriverStatus")):
        yield Problem(
            "the Docker Engine keeps images in containerd's store, which Pulumi's docker.RegistryImage cannot push "
            'from: set {"features": {"containerd-snapshotter": false}} in /etc/docker/daemon.json and restart it '
            '(Docker Desktop: Settings, General, "Use containerd for pulling and storing images")'
        )
    data = Path(about.get("DockerRootDir") or "/var/lib/docker")
    wanted = quote(json.dumps({"reference": [f"{IMAGE_PREFIX}*"]}))
    names = {name for row in daemon.ask(f"/images/json?filters={wanted}") or [] for name in row["RepoTags"] or []}
    made = set(astuple(STAND_INS)) <= names
    if os.access(data, os.F_OK):  # else the engine is on another machine
        yield Room(data, needed(made=made), "Docker's images", ours=False)
    yield from images(made=made)


def needed(*, made: bool) -> float:
    """Return the gigabytes that images and containers will need, less if the base images are built."""
    return RELEASE_GIGABYTES if made else IMAGES_GIGABYTES


def images(*, made: bool) -> Iterator[Finding]:
    """Check the requirements of the base images: without a reachable registry they are built from Debian packages."""
    if made or registry_answers():
        return
    if problem := lacking():
        yield Problem(problem)
    yield Step("build the base images from Debian packages", IMAGES_SECONDS)
    yield from network.debian()


def port(settings: Settings) -> Iterator[Finding]:
    """Check that the port is free or used by this local cloud, and that its state folder is writable.

    Raises:
        UserError: another process listens on the port.
    """
    yield Room(settings.state_dir, 0, "state", "LOCALCLOUD_STATE")
    if process.running_pid(settings) is None:
        process.refuse_taken_port(settings.port)


def docker_network(settings: Settings) -> Iterator[Finding]:
    """Check that an existing Docker network with the local cloud's name belongs to a local cloud.

    Raises:
        UserError: it does not.
    """
    if found := daemon.ask(f"/networks/{quote(settings.network)}"):
        daemon.refuse_foreign_network(settings.network, found.get("Labels") or {})
    yield from ()


def memory(_: Settings) -> Iterator[Finding]:
    """Check the machine's memory, if the kernel reports it."""
    try:
        words = Path("/proc/meminfo").read_text().split()
    except OSError:
        return
    gigabytes = int(words[words.index("MemTotal:") + 1]) * 1024 / 2**30
    if gigabytes < MEMORY_GIGABYTES:
        yield Warned(f"this machine has {gigabytes:.1f} GB of memory; 8 are recommended: releases may run out of it")
