"""How a network's addresses are cut into subnets. Pure functions."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

SLOT_BITS = 4  # sixteen equal slots
SLOTS_PER_TIER = 4
# AWS: a VPC is /16 to /28 and a subnet at least /28; the layout needs four bits of it.
LARGEST_PREFIX, SMALLEST_PREFIX = 16, 28 - SLOT_BITS


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The subnets of each tier, one per zone, in the order of the zones."""

    public: tuple[str, ...]
    private: tuple[str, ...]
    database: tuple[str, ...]


def problem(cidr: str) -> str | None:
    """Say what is wrong with a network's address range, in the form `RULE; remedy`.

    Args:
        cidr: as written in the stack file.

    Returns:
        The rule and remedy, or None when the range can be used.
    """
    try:
        network = ipaddress.IPv4Network(cidr)
    except ValueError as error:
        return f"it must be an IPv4 CIDR block without host bits ({error}); for example 10.0.0.0/16"
    if not LARGEST_PREFIX <= network.prefixlen <= SMALLEST_PREFIX:
        return (
            f"it must be between /{LARGEST_PREFIX} and /{SMALLEST_PREFIX}, since it is divided into "
            f"{1 << SLOT_BITS} subnets of at least /28; for example 10.0.0.0/16"
        )
    return None


def plan(cidr: str, zones: int) -> Plan:
    """Cut a range into public, private and database subnets that never overlap.

    A tier keeps its slots whatever the number of zones, so that adding a zone moves no subnet.

    Args:
        cidr: a range that `problem` accepts.
        zones: availability zones, at most four.
    """
    slots = [str(subnet) for subnet in ipaddress.IPv4Network(cidr).subnets(prefixlen_diff=SLOT_BITS)]
    tiers = [tuple(slots[start : start + zones]) for start in range(0, 3 * SLOTS_PER_TIER, SLOTS_PER_TIER)]
    return Plan(public=tiers[0], private=tiers[1], database=tiers[2])
