"""The capacity of ECS services: a launch type, or capacity providers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pulumi_aws as aws

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from infra.config.environment import Service as Section

ON_DEMAND, SPOT = "FARGATE", "FARGATE_SPOT"
Strategy = aws.ecs.ServiceCapacityProviderStrategyArgs


class Capacity(NamedTuple):
    """The capacity providers of a service, none for the launch type, and whether it stands on others."""

    strategies: Sequence[Strategy]
    switches: bool


def of(section: Section, stands_on: Collection[str] | None) -> Capacity:
    """Return a service's capacity.

    With Spot its first task runs on demand, so that the service serves while AWS takes Spot capacity back (ECS guide,
    "Fargate Spot": a task may be stopped with two minutes' notice, and need not be replaced). A service that stands on
    Spot alone stays so.

    A service goes from a launch type to a capacity provider, but not back, so without Spot it then stays on the
    provider `FARGATE`. ECS takes other ones with a forced deployment only (UpdateService, capacityProviderStrategy).

    Args:
        section: `slipway:environment.services.<name>`.
        stands_on: the capacity providers that it runs on now, none if it has a launch type; None if it does not stand.
    """
    if section.spot:
        if stands_on and set(stands_on) == {SPOT}:
            return Capacity([Strategy(capacity_provider=SPOT, weight=1)], switches=False)
        base = Strategy(capacity_provider=ON_DEMAND, base=1, weight=0)
        strategies = [base, Strategy(capacity_provider=SPOT, weight=1)]
        return Capacity(strategies, switches=stands_on is not None and SPOT not in stands_on)
    if stands_on:
        return Capacity([Strategy(capacity_provider=ON_DEMAND, weight=1)], switches=SPOT in stands_on)
    return Capacity([], switches=False)
