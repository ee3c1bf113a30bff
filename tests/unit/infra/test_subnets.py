"""How a network is cut into subnets."""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import combinations

import pytest

from infra.aws import subnets


@pytest.mark.parametrize("zones", [2, 3, 4])
@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "192.168.7.0/24"])
def test_subnets_lie_in_the_network_and_never_overlap(cidr: str, zones: int) -> None:
    """Whatever the size and the number of zones, and none is smaller than AWS takes."""
    plan = subnets.plan(cidr, zones)
    parts = [IPv4Network(part) for part in (*plan.public, *plan.private, *plan.database)]
    assert len(parts) == 3 * zones
    assert all(part.subnet_of(IPv4Network(cidr)) and part.prefixlen <= 28 for part in parts)
    assert not any(one.overlaps(other) for one, other in combinations(parts, 2))


def test_another_zone_moves_no_subnet() -> None:
    """A subnet that moved would be replaced, and all that is in it."""
    two, three = subnets.plan("10.0.0.0/16", 2), subnets.plan("10.0.0.0/16", 3)
    assert three.public[:2] == two.public
    assert three.private[:2] == two.private
    assert three.database[:2] == two.database


@pytest.mark.parametrize("cidr", ["10.0.0.0/15", "10.0.0.0/25", "10.0.0.1/16", "ten", "::/64"])
def test_a_range_that_cannot_be_used_is_refused_with_an_example(cidr: str) -> None:
    """Too large, too small, with host bits, or no IPv4 range."""
    problem = subnets.cidr_problem(cidr)
    assert problem is not None
    assert "10.0.0.0/16" in problem
