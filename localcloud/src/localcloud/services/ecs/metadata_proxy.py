"""The container at 169.254.170.2, through which tasks reach the gateway for their metadata and credentials.

AWS's clients take a task role's credentials from this address alone. Each task has a link-local address beside its own,
so that it finds the proxy on the same bridge: nothing has to be changed on the host, and the networks of several local
clouds do not meet.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import secrets
import socket
import time
from typing import TYPE_CHECKING, Any

import docker

from localcloud.docker_engine.service_containers import ServiceContainers
from localcloud.services.ecs.metadata import ADDRESS, CREDENTIALS, VERSION
from localcloud.settings import IMAGE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from docker.models.containers import Container

    from localcloud.context import Context

LINKS = [str(address) for address in ipaddress.IPv4Network("169.254.172.0/22").hosts()][2:]
"""Link-local addresses of tasks, from the range that Fargate uses for this."""
IMAGE = f"{IMAGE_PREFIX}haproxy:2.6"
PORT = 80
READY_SECONDS = 10.0
POLL_SECONDS = 0.02
PAGES = "/_localcloud/ecs"
"""Where the gateway serves what the proxy passes on."""
START = 'printf %s "$CONFIGURATION" >/tmp/metadata.cfg && exec haproxy -db -f /tmp/metadata.cfg'


def configuration(gateway: str) -> str:
    """Return HAProxy's configuration; `gateway` is the gateway's host and port."""
    return f"""defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen metadata
  bind *:{PORT}
  http-request deny deny_status 404 unless {{ method GET }} {{ path_beg {VERSION} {CREDENTIALS} }}
  http-request set-path {PAGES}%[path]
  server gateway {gateway}
"""


def free_link(taken: Iterable[str]) -> str:
    """Return a link-local address that no task has; at random, since neighbours remember whose an address was.

    Raises:
        IndexError: none is left.
    """
    return secrets.choice(sorted(set(LINKS) - set(taken)))


class MetadataProxy:
    """The proxy of one local cloud, there while tasks are."""

    def __init__(self, ctx: Context) -> None:
        """Take the context; nothing is started."""
        self._engine = ServiceContainers(ctx, "metadata")
        self._lock = asyncio.Lock()
        self._name = f"{ctx.network}-metadata"
        self._configuration = configuration(ctx.container_endpoint.partition("//")[2])
        self._image = os.environ.get("HAPROXY_IMAGE", IMAGE)

    async def ensure(self) -> None:
        """Start the proxy unless it runs, and wait until it takes connections.

        Raises:
            docker.errors.DockerException: Docker returns an error.
        """
        async with self._lock:
            await self._engine.call(self._ensure)

    async def remove(self, unless: Callable[[], bool] = lambda: False) -> None:
        """Remove the proxy, unless it is needed at that moment; a missing one is fine."""
        async with self._lock:
            if not unless():
                await self._engine.remove(self._name)

    async def close(self) -> None:
        """Release the threads; the container keeps running."""
        await self._engine.close()

    def _ensure(self) -> None:
        container = self._found()
        if container is None:
            container = self._created()
        if container.status == "running":
            return
        container.start()
        container.reload()
        self._wait(container.attrs["NetworkSettings"]["Networks"][self._engine.network]["IPAddress"])

    def _found(self) -> Container | None:
        """Return the container if it is there with this configuration; remove one with another."""
        try:
            container = self._engine.client.containers.get(self._name)
        except docker.errors.NotFound:
            return None
        if f"CONFIGURATION={self._configuration}" in container.attrs["Config"]["Env"]:
            return container
        container.remove(force=True, v=True)
        return None

    def _created(self) -> Container:
        api: Any = self._engine.client.api
        made = api.create_container(
            self._image,
            ["sh", "-c", START],
            entrypoint=[],
            user="root",
            name=self._name,
            environment={"CONFIGURATION": self._configuration},
            labels=self._engine.labels(),
            host_config=api.create_host_config(restart_policy={"Name": "unless-stopped"}),
            networking_config=api.create_networking_config(
                {self._engine.network: api.create_endpoint_config(link_local_ips=[ADDRESS])}
            ),
        )
        return self._engine.client.containers.get(made["Id"])

    def _wait(self, address: str) -> None:
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            try:
                socket.create_connection((address, PORT), timeout=1).close()
            except OSError:
                time.sleep(POLL_SECONDS)
            else:
                return
        raise docker.errors.DockerException(f"{self._name} takes no connections; see: docker logs {self._name}")
