"""The data plane: one HAProxy container per load balancer, kept in sync with the documents.

Targets change through HAProxy's runtime API; only listeners, rules and attributes need a (seamless) reload.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from typing import TYPE_CHECKING, Any

import docker

from localcloud.certificates.private_file import write
from localcloud.docker_engine import network
from localcloud.gateway.protocol import ApiError
from localcloud.services.elbv2 import shares, tls
from localcloud.services.elbv2.rendering import Server, certificate_file, configuration, slot_count
from localcloud.services.elbv2.runtime import Runtime
from localcloud.services.elbv2.state import short
from localcloud.settings import IMAGE_PREFIX, NAME

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from localcloud.docker_engine.service_containers import ServiceContainers
    from localcloud.services.elbv2.state import State
    from localcloud.state.table import Doc

IMAGE = f"{IMAGE_PREFIX}haproxy:2.6"
READY_SECONDS = 10.0
SIGNALS = 10
LOG = logging.getLogger(__name__)


class Proxy:
    """The state of a running HAProxy."""

    def __init__(self, folder: Path) -> None:
        """Use the folder that is mounted into the container."""
        self.folder = folder
        self.runtime = Runtime(folder)
        self.lock = asyncio.Lock()
        self.shape = ""
        self.servers: dict[str, list[Server]] = {}
        self.shares: shares.Shares = {}


class Proxies:
    """All proxies, by load balancer."""

    def __init__(self, state: State, engine: ServiceContainers) -> None:
        """Use ELBv2's documents and Docker."""
        self._state, self._engine = state, engine
        self._proxies: dict[str, Proxy] = {}
        self.image = os.environ.get("HAPROXY_IMAGE", IMAGE)
        self.ending: Callable[[str], Awaitable[None]] | None = None
        """Called with a load balancer's ARN before its worker is replaced: its counters end with it."""
        self.begun: Callable[[str], None] | None = None
        """Called with a load balancer's ARN when it gets a new container."""

    def proxy(self, balancer: str) -> Proxy:
        """Return a load balancer's proxy, which may not be running yet."""
        if balancer not in self._proxies:
            self._proxies[balancer] = Proxy(self._state.ctx.state_dir / "elbv2" / short(balancer))
        return self._proxies[balancer]

    async def run(self, balancer: Doc) -> None:
        """Create and start the load balancer's container at its address, unless it is running.

        Raises:
            ApiError: it does not start; the message holds its last log lines.
        """
        proxy = self.proxy(balancer["LoadBalancerArn"])
        async with proxy.lock:
            proxy.folder.mkdir(parents=True, exist_ok=True)
            self._write(balancer, proxy)
            container = await self._container(balancer)
            running = container is not None and container.status == "running"
            if not running:
                await self._engine.remove(name_of(balancer))
                await self._create(balancer, proxy)
            await self._take_over(balancer, proxy, reload=running)

    async def apply(self, balancer: str) -> None:
        """Update the running proxy to match the documents."""
        doc = self._state.balancers.get(balancer)
        if doc is None:
            return
        proxy = self.proxy(balancer)
        async with proxy.lock:
            if configuration(self._state, doc) != proxy.shape:
                self._write(doc, proxy)
                await self._take_over(doc, proxy, reload=True)
                return
            wanted = self.servers(balancer)
            commands = [
                line for group in wanted for line in changes(group, proxy.servers.get(group, []), wanted[group])
            ]
            parts = shares.shares(self._state, balancer)
            commands += shares.commands(proxy.shares, parts)
            if commands:
                self._write(doc, proxy)
                await proxy.runtime.run(commands)
                proxy.servers, proxy.shares = wanted, parts

    async def apply_group(self, group: str) -> None:
        """Update the proxy that serves a target group, if any."""
        balancer = self._state.balancer_of(group)
        if balancer is not None:
            await self.apply(balancer)

    async def sessions(self, target: Doc) -> int:
        """Return a target's number of in-flight and queued requests."""
        balancer = self._state.balancer_of(target["TargetGroupArn"])
        if balancer is None:
            return 0
        return await self.proxy(balancer).runtime.sessions(f"g_{short(target['TargetGroupArn'])}", f"s{target['Slot']}")

    async def remove(self, balancer: Doc) -> None:
        """Remove the container and its folder."""
        proxy = self.proxy(balancer["LoadBalancerArn"])
        self._proxies.pop(balancer["LoadBalancerArn"], None)
        await self._engine.remove(name_of(balancer))
        shutil.rmtree(proxy.folder, ignore_errors=True)
        network.release_address(self._state.ctx, balancer["LoadBalancerArn"])

    def servers(self, balancer: str) -> dict[str, list[Server]]:
        """Return the intended state of each server slot, by backend."""
        return {group: slots(self._state, group) for group in self._state.groups_of(balancer)}

    async def address(self, balancer: str) -> str:
        """Return the load balancer's address on the Docker network, fixed for as long as it exists."""
        return await self._engine.call(network.fixed_address, self._state.ctx, balancer)

    def _write(self, balancer: Doc, proxy: Proxy) -> None:
        """Write haproxy.cfg with all targets, so that a container restarted by Docker has the current ones.

        A certificate that was deleted since, or replaced by one that cannot be used, stays as it is.
        """
        for listener in self._state.listeners_of(balancer["LoadBalancerArn"]):
            if arn := tls.certificate(listener):
                with contextlib.suppress(LookupError, ValueError):
                    write(proxy.folder / certificate_file(arn), self._state.ctx.certificates.pem(arn))
        if parts := shares.shares(self._state, balancer["LoadBalancerArn"]):
            (proxy.folder / shares.FILE).write_text(shares.text(parts))
        text = configuration(self._state, balancer, self.servers(balancer["LoadBalancerArn"]))
        draft = proxy.folder / "haproxy.cfg.new"
        draft.write_text(text)
        draft.replace(proxy.folder / "haproxy.cfg")

    async def _container(self, balancer: Doc) -> Any:
        with contextlib.suppress(docker.errors.NotFound):
            return await self._engine.call(self._engine.client.containers.get, name_of(balancer))
        return None

    async def _create(self, balancer: Doc, proxy: Proxy) -> None:
        api = self._engine.client.api
        endpoint = api.create_endpoint_config(ipv4_address=balancer["DNSName"])
        with contextlib.suppress(FileNotFoundError):
            (proxy.folder / "admin.sock").unlink()
        created = await self._engine.call(
            api.create_container,
            self.image,
            ["haproxy", "-W", "-db", "-f", f"/run/{NAME}/haproxy.cfg"],
            entrypoint=[],
            name=name_of(balancer),
            user="root",
            labels=self._engine.labels(balancer=balancer["LoadBalancerArn"]),
            host_config=api.create_host_config(
                binds=[f"{proxy.folder}:/run/{NAME}"], restart_policy={"Name": "unless-stopped"}
            ),
            networking_config=api.create_networking_config({self._engine.network: endpoint}),
        )
        if self.begun is not None:
            self.begun(balancer["LoadBalancerArn"])
        await self._engine.call(api.start, created["Id"])

    async def _take_over(self, balancer: Doc, proxy: Proxy, *, reload: bool) -> None:
        """Wait for a worker with the current file; on a reload the old worker meanwhile completes its requests."""
        shape, wanted = configuration(self._state, balancer), self.servers(balancer["LoadBalancerArn"])
        parts = shares.shares(self._state, balancer["LoadBalancerArn"])
        worker = await proxy.runtime.worker(READY_SECONDS)
        if worker is not None and reload:
            if self.ending is not None:
                await self.ending(balancer["LoadBalancerArn"])
            worker = await self._other_worker(balancer, proxy, worker)
        if worker is None:
            text = await self._engine.call(self._engine.client.api.logs, name_of(balancer), tail=3)
            lines = " ".join(text.decode(errors="replace").split())
            raise ApiError("InternalFailure", f"load balancer {balancer['LoadBalancerName']}: HAProxy refused: {lines}")
        proxy.shape, proxy.servers, proxy.shares = shape, wanted, parts
        drains = [line for group in wanted for line in drain_commands(group, wanted[group])]
        if drains:
            await proxy.runtime.run(drains)

    async def _other_worker(self, balancer: Doc, proxy: Proxy, before: str) -> str | None:
        """Reload HAProxy; a signal during an earlier reload is lost, so it is sent repeatedly."""
        for _ in range(SIGNALS):
            await self._engine.call(self._engine.client.api.kill, name_of(balancer), "SIGUSR2")
            worker = await proxy.runtime.other_worker(before, READY_SECONDS / SIGNALS)
            if worker is not None:
                return worker
        return None


def name_of(balancer: Doc) -> str:
    """Return the container's name."""
    return f"{NAME}-lb-{balancer['LoadBalancerName']}-{short(balancer['LoadBalancerArn'])[:6]}"


def slots(state: State, group: str) -> list[Server]:
    """Return a backend's slots: healthy targets (if there are none, all unhealthy ones) ready, others draining."""
    targets = state.targets_of(group)
    fail_open = not any(target["State"] == "healthy" for target in targets)
    open_states = {"unhealthy"} if fail_open else {"healthy"}
    servers = [Server(name=f"s{index}") for index in range(slot_count(state, group))]
    for target in targets:
        mode = "drain" if target["State"] == "draining" else "ready" if target["State"] in open_states else "maint"
        index = target["Slot"]
        servers[index] = Server(name=f"s{index}", address=f"{target['Id']}:{target['Port']}", mode=mode)
    return servers


def changes(group: str, before: list[Server], after: list[Server]) -> list[str]:
    """Return the runtime API commands that turn one list of slots into another."""
    commands = []
    for old, new in zip(before, after, strict=True):
        name = f"g_{short(group)}/{new.name}"
        if old.address != new.address:
            host, _, port = new.address.rpartition(":")
            commands += [f"set server {name} state maint", f"set server {name} addr {host} port {port}"]
        if old.mode != new.mode or old.address != new.address:
            commands.append(f"set server {name} state {new.mode}")
    return commands


def drain_commands(group: str, servers: list[Server]) -> list[str]:
    """Return the runtime API commands for draining slots, which the file cannot express."""
    return [f"set server g_{short(group)}/{s.name} state drain" for s in servers if s.mode == "drain"]
