"""The implementation of the commands `up`, `down`, `status` and `env`."""

from __future__ import annotations

import fcntl
import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from docker.errors import NotFound

from localcloud.commands import process
from localcloud.docker_engine import dockerd, engine, images, network
from localcloud.settings import ACCOUNT, COMMAND, NETWORK_LABEL, PACKAGE, UserError, client_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import docker
    from docker.models.containers import Container

    from localcloud.settings import Settings

STOP_SECONDS = 5


@contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """Hold the state folder's lock, waiting for another command that holds it."""
    settings.log_dir.mkdir(parents=True, exist_ok=True)
    settings.state_dir.chmod(0o700)
    with (settings.state_dir / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def up(settings: Settings, say: Callable[[str], None]) -> dict[str, Any]:
    """Start the local cloud from any state, and return its record.

    Args:
        settings: this local cloud's settings.
        say: takes progress lines.

    Raises:
        UserError: it cannot be started; the message includes the remedy.
    """
    with locked(settings):
        process.refuse_another_network(settings)
        with dockerd.one_at_a_time(settings, say):
            client = engine.require()
            names = images.ensure(client, settings.cache_dir, say)
        record = {
            "endpoint": settings.endpoint,
            "port": settings.port,
            "network": settings.network,
            "gateway": network.ensure(client, settings),
            "images": names.environment(),
            "code": code_version(),
        }
        running = process.read_record(settings)
        pid = process.running_pid(settings)
        if pid is not None and running.get("port") != settings.port:
            raise UserError(f"this local cloud runs on port {running.get('port')} already: run: {COMMAND} down")
        if pid is not None and (running.get("code") != record["code"] or not process.health(settings).get("ready")):
            say(f"restarting process {pid}: its code has changed or it does not answer")
            process.stop(settings)
            pid = None
        if pid is None:
            health = process.start(settings, record)
        else:
            health = process.health(settings)
            process.write_record(settings, {**running, **record})
        for service, reason in health["failed"].items():
            say(f"{service} did not start: {reason}")
        return {**process.read_record(settings), "own": health["own"]}


def code_version() -> str:
    """Return a hash of the local cloud's code, to detect a process that runs older code."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def ours(client: docker.DockerClient, settings: Settings) -> list[Container]:
    """Return the containers of this local cloud: those with its label or on its network."""
    found = {}
    for filters in ({"network": settings.network}, {"label": f"{NETWORK_LABEL}={settings.network}"}):
        for container in client.containers.list(all=True, filters=filters, ignore_removed=True):
            found[container.id] = container
    return list(found.values())


def down(settings: Settings, say: Callable[[str], None]) -> bool:
    """Stop the process and the containers, which the next `up` restarts. False if nothing was running."""
    with locked(settings):
        process.refuse_another_network(settings)
        stopped = process.stop(settings)
        client = engine.client()
        if client is None:
            return stopped
        running = [container for container in ours(client, settings) if container.status != "exited"]
        if running:
            say(f"stopping {len(running)} containers")
            with ThreadPoolExecutor() as pool:
                list(pool.map(stop_container, running))
        return stopped or bool(running)


def stop_container(container: Container) -> None:
    """Stop a container, unless it has already been removed."""
    try:
        container.stop(timeout=STOP_SECONDS)
    except NotFound:
        return


def status(settings: Settings) -> dict[str, Any]:
    """Return the status: process, endpoint, containers by state, images; read-only."""
    record = process.read_record(settings)
    pid = process.running_pid(settings)
    client = engine.client()
    page = process.health(settings) if pid is not None else {}
    containers = ours(client, settings) if client is not None else []
    return {
        "running": pid is not None and bool(page.get("ready")),
        "pid": pid,
        "endpoint": settings.endpoint,
        "state": str(settings.state_dir),
        "log": str(settings.log_dir / "localcloud.log"),
        "docker": None if client is None else client.version()["Version"],
        "docker_started_by_us": dockerd.our_pid(settings),
        "network": settings.network,
        "gateway": record.get("gateway"),
        "containers": {container.name: container.status for container in containers},
        "images": record.get("images", {}),
        "own": page.get("own", []),
        "failed": page.get("failed", {}),
    }


def environment(settings: Settings) -> dict[str, str]:
    """Return the variables that point any AWS client to the local cloud, and the base image names.

    Raises:
        UserError: the local cloud has never been started.
    """
    record = process.read_record(settings)
    if "images" not in record:
        raise UserError(f"no local cloud in {settings.state_dir}: run: {COMMAND} up")
    return client_environment(settings.endpoint, record["images"]) | {"AWS_ACCOUNT_ID": ACCOUNT}
