"""The implementation of `reset`: removes all of the local cloud's resources and state."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from docker.errors import APIError, NotFound

from localcloud.commands import lifecycle, process, sweep
from localcloud.docker_engine import build_leftovers, dockerd, engine, images, network
from localcloud.settings import NETWORK_LABEL

if TYPE_CHECKING:
    from collections.abc import Callable

    import docker
    from docker.models.containers import Container

    from localcloud.settings import Settings

KEPT_BY_RESET = {"venv", "venv.lock", "lock"}


def reset(settings: Settings, say: Callable[[str], None]) -> None:
    """Stop the process and remove containers, volumes, pushed images, the network and all state."""
    with lifecycle.locked(settings):
        process.refuse_another_network(settings)
        process.stop(settings)
        client = engine.client()
        if client is not None:
            reset_docker(client, settings, say)
        for path in settings.state_dir.iterdir():
            if path.name in KEPT_BY_RESET:
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def reset_all(settings: Settings, say: Callable[[str], None]) -> None:
    """Reset, and also remove base images, caches, the virtual environment, and the Docker Engine that we started.

    Any other Docker Engine keeps running, without our images; Debian packages stay installed.
    """
    reset(settings, say)
    if engine.stop(settings):
        say("stopped the Docker Engine that the local cloud had started; its images and containers go with it")
    elif (client := engine.client()) is not None:
        names = [name for name in images.names(client) if name.startswith(images.OURS) and "@" not in name]
        for name in names:
            client.images.remove(name, force=True)
        say(f"removed {len(names)} images; untagged build layers: docker image prune")
    for folder in (settings.cache_dir / name for name in ("docker", "docker-exec", "images")):
        if folder.exists():
            dockerd.unmount_below(folder)
            shutil.rmtree(folder)
    (settings.cache_dir / "dockerd.log").unlink(missing_ok=True)
    shutil.rmtree(settings.state_dir, ignore_errors=True)


def reset_docker(client: docker.DockerClient, settings: Settings, say: Callable[[str], None]) -> None:
    """Remove everything of this local cloud from Docker, except base images."""
    containers = lifecycle.ours(client, settings)
    with ThreadPoolExecutor() as pool:
        list(pool.map(remove_container, containers))
    of_builds = build_leftovers.remove(client, settings.state_dir / build_leftovers.BUILDS)
    volumes = client.volumes.list(filters={"label": f"{NETWORK_LABEL}={settings.network}"})
    for volume in volumes:
        volume.remove(force=True)
    removed = remove_pushed_images(client, settings)
    network.remove(client, settings.network)
    count = len(containers) + len(of_builds)
    say(f"removed {count} containers, {len(volumes)} volumes, {removed} images and the network")


def remove_container(container: Container) -> None:
    """Remove a container with its anonymous volumes, unless it has already been removed."""
    try:
        container.remove(force=True, v=True)
    except NotFound:
        return


def remove_pushed_images(client: docker.DockerClient, settings: Settings) -> int:
    """Remove the names of images in the local registry from the daemon and return their number."""
    names = sweep.pushed_images(client, settings.port)
    for name in names:
        try:
            client.images.remove(name, force=True, noprune=True)  # another build may use its layers
        except (NotFound, APIError):
            continue
    return len(names)
