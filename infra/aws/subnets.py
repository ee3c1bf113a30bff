"""The CIDR blocks of a VPC's subnets. Pure functions."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

SLOT_BITS = 4  # a VPC is divided into sixteen slots of equal size
SLOTS_PER_TIER = 4  # the maximum number of zones
# A VPC and a subnet are /16 to /28 (VPC user guide); the layout takes four bits of the VPC's prefix.
LARGEST_PREFIX, SMALLEST_PREFIX = 16, 28 - SLOT_BITS


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The CIDR blocks of each tier's subnets, in the order of the zones."""

    public: tuple[str, ...]
    private: tuple[str, ...]
    database: tuple[str, ...]


def cidr_problem(cidr: str) -> str | None:
    """Return why a CIDR block cannot be used for the VPC.

    Args:
        cidr: as in the stack file.

    Returns:
        `RULE; REMEDY`, or None if it can be used.
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
    """Return the CIDR blocks of the public, private and database subnets.

    The slots of a tier do not depend on the number of zones, so that adding a zone replaces no subnet.

    Args:
        cidr: of the VPC; a block that `cidr_problem` accepts.
        zones: number of availability zones, at most four.
    """
    slots = [str(subnet) for subnet in ipaddress.IPv4Network(cidr).subnets(prefixlen_diff=SLOT_BITS)]
    tiers = [tuple(slots[start : start + zones]) for start in range(0, 3 * SLOTS_PER_TIER, SLOTS_PER_TIER)]
    return Plan(public=tiers[0], private=tiers[1], database=tiers[2])
