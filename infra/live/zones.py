"""The availability zones of a stack's subnets, which a subnet keeps for its life."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from infra.config.errors import suggestion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.config.environment import Network

KEY = "slipway:environment.network"


def chosen(stack: str, section: Network, *, available: Sequence[str], standing: Sequence[str]) -> list[str]:
    """Return the zones of the subnets in their order: by name as configured, or those that stand, then the region's.

    A zone that is new in the region, or away for a while, changes nothing for subnets that stand.

    Args:
        stack: the stack's name.
        section: `slipway:environment.network`.
        available: names of all zones that the account may use in the region.
        standing: the zones of the subnets that stand, in their order; empty if none do, or that is not known.

    Raises:
        pulumi.RunError: there are fewer zones than configured, or no such one, or a subnet that stands would move by
            `zone_names`.
    """
    file = f"Pulumi.{stack}.yaml: {KEY}"
    for name in section.zone_names or ():
        if name not in (*available, *standing):
            remedy = f"{suggestion(name, available)}set some of {', '.join(sorted(available))}"
            raise pulumi.RunError(
                f"{file}.zone_names has {name}; the account has no such zone in this region; {remedy}"
            )
    known = [*standing, *(zone for zone in sorted(available) if zone not in standing)]
    if section.zone_names is None and len(known) < section.zones:
        raise pulumi.RunError(
            f"{file}.zones is {section.zones}; the account has {len(known)} availability zones in this region; "
            f"set at most {len(known)}"
        )
    zones = list(section.zone_names or known[: section.zones])
    common = min(len(zones), len(standing))
    if zones[:common] != list(standing[:common]):
        raise pulumi.RunError(
            f"{file} would have its subnets in {', '.join(zones)}; those that stand are in {', '.join(standing)}, and "
            f"a subnet keeps its zone; set {KEY}.zone_names to a list that begins with {', '.join(standing)}"
        )
    return zones
