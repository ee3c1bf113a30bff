"""Resources that stacks left behind: containers, volumes, networks, images, and those of each AWS API in use."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import httpx
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.commands import process
from localcloud.commands.sweep_rules import RULES
from localcloud.docker_engine import build_leftovers, engine, images
from localcloud.settings import COMMAND, NETWORK_LABEL, REGION, UserError

if TYPE_CHECKING:
    import docker

    from localcloud.settings import Settings


def left_over(settings: Settings) -> list[str]:
    """Return one line for each leftover resource; those that the local cloud needs or starts with do not count.

    Raises:
        UserError: the process is not running, though there is state that only it can read.
    """
    if not process.health(settings).get("ready"):
        if (settings.state_dir / "store.sqlite3").exists():
            raise UserError(f"the local cloud is not running and only it knows what is left: run: {COMMAND} up")
        return in_docker(engine.require(), settings)
    return [*in_docker(engine.require(), settings), *in_apis(settings)]


def in_docker(client: docker.DockerClient, settings: Settings) -> list[str]:
    """Return this local cloud's resources in Docker: those with its label or on its network."""
    labelled = {"label": f"{NETWORK_LABEL}={settings.network}"}
    found = {}
    for filters in (labelled, {"network": settings.network}):
        for container in client.containers.list(all=True, filters=filters, ignore_removed=True):
            found[container.name] = f"container {container.name} ({container.status})"
    for row in build_leftovers.started_from(client, settings.state_dir / build_leftovers.BUILDS):
        found[build_leftovers.name(row)] = f"container {build_leftovers.name(row)} ({row['State']})"
    containers = sorted(found.values())
    volumes = [f"volume {volume.name}" for volume in client.volumes.list(filters=labelled)]
    networks = [
        f"network {network.name}"
        for network in client.networks.list(filters=labelled)
        if network.name != settings.network
    ]
    return [*containers, *volumes, *networks, *(f"image {name}" for name in pushed_images(client, settings.port))]


def pushed_images(client: docker.DockerClient, port: int) -> list[str]:
    """Return the names of the daemon's images in the local registry, built for it or pulled from it."""
    prefix = f"127.0.0.1:{port}/"
    return sorted({name for name in images.names(client) if name.startswith(prefix)})


def in_apis(settings: Settings) -> list[str]:
    """Return the leftover resources that the AWS APIs list.

    Raises:
        UserError: an API fails, so that the list would be incomplete.
    """

    def ask(api: str) -> list[str]:
        client = client_of(settings, api)
        try:
            return [line for name, rule in RULES if name == api for line in rule(client)]
        except (ClientError, BotoCoreError) as error:
            raise UserError(f"{api} cannot be swept: {error}") from error

    with ThreadPoolExecutor(2) as pool:
        return [*(line for lines in pool.map(ask, dict(RULES)) for line in lines), *webhooks(settings)]


def webhooks(settings: Settings) -> list[str]:
    """Return the webhooks of the local GitHub; its repositories belong to the developer and do not count.

    Raises:
        UserError: it does not respond.
    """
    try:
        answer = httpx.get(f"{settings.endpoint}/_localcloud/github/hooks", trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise UserError(f"the local GitHub cannot be swept: {error}") from error
    return [f"GitHub webhook {hook['id']} of {hook['repository']}: {hook['url']}" for hook in answer.json()]


def client_of(settings: Settings, api: str) -> Any:
    """Return a boto3 client of the local cloud."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)  # noqa: S106 - the local cloud's, known to all
    return session.client(api, endpoint_url=settings.endpoint, config=Config(retries={"total_max_attempts": 1}))
