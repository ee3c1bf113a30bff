"""The Docker network that tasks, load balancers and databases sit on, and fixed addresses in it."""

from __future__ import annotations

import ipaddress
import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from docker.errors import NotFound
from docker.types import IPAMConfig, IPAMPool

from localcloud.docker_engine.daemon import refuse_foreign_network
from localcloud.settings import LABEL, NETWORK_LABEL, UserError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import docker

    from localcloud.context import Context
    from localcloud.settings import Settings

CANDIDATES = [
    ipaddress.IPv4Network(f"172.{second}.{third}.0/20") for second in range(24, 31) for third in range(0, 256, 16)
]
"""Subnets tried in this order; the upper half of one is Docker's to give away, the lower is for fixed addresses."""
FIRST_FIXED = 16
ADDRESSES = "network-address"
LAST = "network.last"
"""The store's kind of document that holds who has which fixed address."""


def ensure(client: docker.DockerClient, settings: Settings) -> str:
    """Make the network where it is missing and return its gateway's address, the host as containers see it.

    The subnet clashes with no route of the host and no other Docker network, and stays the same from then on.

    Raises:
        UserError: a network of that name exists and is not ours, or every subnet is taken.
    """
    try:
        network = client.networks.get(settings.network)
    except NotFound:
        subnet = free_subnet(remembered(settings), [*host_routes(), *docker_subnets(client)])
        pool = IPAMPool(subnet=str(subnet), gateway=str(subnet[1]), iprange=str(list(subnet.subnets())[1]))
        network = client.networks.create(
            settings.network,
            driver="bridge",
            ipam=IPAMConfig(pool_configs=[pool]),
            labels={LABEL: "1", NETWORK_LABEL: settings.network},
        )
        network.reload()
    refuse_foreign_network(settings.network, network.attrs["Labels"])
    config = network.attrs["IPAM"]["Config"][0]
    memory(settings).write_text(json.dumps({"subnet": config["Subnet"]}))
    return str(config["Gateway"])


def memory(settings: Settings) -> Path:
    """Return the file that keeps the subnet, so that a network made again gets the same one."""
    return settings.state_dir / f"network-{settings.network}.json"


def remembered(settings: Settings) -> list[ipaddress.IPv4Network]:
    """Return the subnet used before, as a list of none or one."""
    try:
        return [ipaddress.IPv4Network(json.loads(memory(settings).read_text())["subnet"])]
    except (OSError, ValueError, KeyError):
        return []


def free_subnet(
    preferred: Iterable[ipaddress.IPv4Network], taken: list[ipaddress.IPv4Network]
) -> ipaddress.IPv4Network:
    """Return the first subnet that overlaps nothing taken.

    Raises:
        UserError: there is none.
    """
    for subnet in (*preferred, *CANDIDATES):
        if not any(subnet.overlaps(other) for other in taken):
            return subnet
    raise UserError("every subnet from 172.24.0.0 to 172.30.255.255 is in use: remove unused Docker networks")


def host_routes() -> list[ipaddress.IPv4Network]:
    """Return the networks that the host has routes to, but the default route (none where Linux's table is missing)."""
    try:
        lines = Path("/proc/net/route").read_text().splitlines()[1:]
    except OSError:
        return []
    rows = [line.split() for line in lines]
    networks = [(address(row[1]), address(row[7])) for row in rows]
    return [ipaddress.IPv4Network(f"{base}/{mask}", strict=False) for base, mask in networks if str(mask) != "0.0.0.0"]  # noqa: S104 - compared with, not bound


def address(hexadecimal: str) -> ipaddress.IPv4Address:
    """Return the address that /proc/net/route writes as little-endian hexadecimal."""
    return ipaddress.IPv4Address(struct.pack("<L", int(hexadecimal, 16)))


def docker_subnets(client: docker.DockerClient) -> list[ipaddress.IPv4Network]:
    """Return the IPv4 subnets of all Docker networks."""
    configs = [config for network in client.networks.list() for config in network.attrs["IPAM"]["Config"] or []]
    subnets = [ipaddress.ip_network(config["Subnet"]) for config in configs if "Subnet" in config]
    return [subnet for subnet in subnets if isinstance(subnet, ipaddress.IPv4Network)]


def fixed_address(ctx: Context, owner: str) -> str:
    """Return an address of the network that is the owner's until it is released, the same on every call.

    Blocking. Use it as a container's address (`networking_config`), so that it stays when the container is made anew.
    Addresses are taken in turn: one that was given back is not another's at once, as with AWS's names.

    Raises:
        UserError: no address is left.
    """
    subnet = ipaddress.IPv4Network(ctx.docker.networks.get(ctx.network).attrs["IPAM"]["Config"][0]["Subnet"])
    with ctx.store.transaction():
        held = ctx.store.get(ADDRESSES, owner)
        if held is not None and ipaddress.IPv4Address(held["address"]) in subnet:
            return str(held["address"])
        used = {document["address"] for document in ctx.store.all(ADDRESSES).values()}
        lower = next(subnet.subnets())
        last = min((ctx.store.get(LAST, LAST) or {"number": FIRST_FIXED - 1})["number"], lower.num_addresses - 1)
        for number in (*range(last + 1, lower.num_addresses), *range(FIRST_FIXED, last + 1)):
            candidate = str(lower[number])
            if candidate not in used:
                ctx.store.put(ADDRESSES, owner, {"address": candidate})
                ctx.store.put(LAST, LAST, {"number": number})
                return candidate
    raise UserError(f"no address is left in the Docker network {ctx.network}: destroy unused stacks")


def release_address(ctx: Context, owner: str) -> None:
    """Give a fixed address back."""
    ctx.store.delete(ADDRESSES, owner)


def remove(client: docker.DockerClient, name: str) -> bool:
    """Remove the network if it is ours; False where there is none."""
    try:
        network = client.networks.get(name)
    except NotFound:
        return False
    if network.attrs["Labels"].get(LABEL) != "1":
        return False
    network.remove()
    return True
