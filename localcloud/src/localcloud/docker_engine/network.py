"""The Docker network of tasks, load balancers and databases, and the fixed addresses in it."""

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
"""Subnets in order of preference; Docker assigns addresses from the upper half, fixed ones are in the lower half."""
FIRST_FIXED = 16
ADDRESSES = "network-address"
LAST = "network.last"
"""The kind of document in the store that holds the fixed addresses."""


def ensure(client: docker.DockerClient, settings: Settings) -> str:
    """Create the network if missing and return its gateway's address, by which containers reach the host.

    The subnet overlaps no route of the host and no other Docker network, and does not change later.

    Raises:
        UserError: a network of that name exists that is not ours, or no subnet is free.
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
    """Return the path of the file that records the subnet, so that a recreated network gets the same one."""
    return settings.state_dir / f"network-{settings.network}.json"


def remembered(settings: Settings) -> list[ipaddress.IPv4Network]:
    """Return the recorded subnet as a list of no or one element."""
    try:
        return [ipaddress.IPv4Network(json.loads(memory(settings).read_text())["subnet"])]
    except (OSError, ValueError, KeyError):
        return []


def free_subnet(
    preferred: Iterable[ipaddress.IPv4Network], taken: list[ipaddress.IPv4Network]
) -> ipaddress.IPv4Network:
    """Return the first subnet that overlaps no used one.

    Raises:
        UserError: no subnet is free.
    """
    for subnet in (*preferred, *CANDIDATES):
        if not any(subnet.overlaps(other) for other in taken):
            return subnet
    raise UserError("every subnet from 172.24.0.0 to 172.30.255.255 is in use: remove unused Docker networks")


def host_routes() -> list[ipaddress.IPv4Network]:
    """Return the networks of the host's routes, except the default route (none without Linux's routing table)."""
    try:
        lines = Path("/proc/net/route").read_text().splitlines()[1:]
    except OSError:
        return []
    rows = [line.split() for line in lines]
    networks = [(address(row[1]), address(row[7])) for row in rows]
    return [ipaddress.IPv4Network(f"{base}/{mask}", strict=False) for base, mask in networks if str(mask) != "0.0.0.0"]  # noqa: S104 - compared, not bound


def address(hexadecimal: str) -> ipaddress.IPv4Address:
    """Parse an address of /proc/net/route, which is little-endian hexadecimal."""
    return ipaddress.IPv4Address(struct.pack("<L", int(hexadecimal, 16)))


def docker_subnets(client: docker.DockerClient) -> list[ipaddress.IPv4Network]:
    """Return the IPv4 subnets of all Docker networks."""
    configs = [config for network in client.networks.list() for config in network.attrs["IPAM"]["Config"] or []]
    subnets = [ipaddress.ip_network(config["Subnet"]) for config in configs if "Subnet" in config]
    return [subnet for subnet in subnets if isinstance(subnet, ipaddress.IPv4Network)]


def fixed_address(ctx: Context, owner: str) -> str:
    """Return the owner's fixed address in the network, allocating it on the first call.

    Blocking. Use it as a container's address (`networking_config`), so that a recreated container keeps it. Addresses
    are allocated in rotation: a released one is not reused at once, as with AWS's DNS names.

    Raises:
        UserError: no address is free.
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
    """Release a fixed address."""
    ctx.store.delete(ADDRESSES, owner)


def remove(client: docker.DockerClient, name: str) -> bool:
    """Remove the network if it is ours; False if there is none."""
    try:
        network = client.networks.get(name)
    except NotFound:
        return False
    if network.attrs["Labels"].get(LABEL) != "1":
        return False
    network.remove()
    return True
