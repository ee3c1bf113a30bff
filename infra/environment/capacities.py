"""The capacity of ECS services: a launch type, or a capacity provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

    from infra.config.environment import Service as Section

SPOT = "FARGATE_SPOT"


class Capacity(NamedTuple):
    """The capacity provider of a service, None for the launch type, and whether it stands on another one."""

    provider: str | None
    switches: bool


def of(section: Section, stands_on: Collection[str] | None) -> Capacity:
    """Return a service's capacity.

    A service goes from a launch type to a capacity provider, but not back, so without Spot it then stays on the
    provider `FARGATE`. ECS takes another one with a forced deployment only (UpdateService, capacityProviderStrategy).
    """
    if section.spot:
        return Capacity(SPOT, switches=stands_on is not None and SPOT not in stands_on)
    if stands_on:
        return Capacity("FARGATE", switches="FARGATE" not in stands_on)
    return Capacity(None, switches=False)
