"""The AWS services that the local cloud serves itself; all others are ministack's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.services.application_autoscaling import ApplicationAutoScaling
from localcloud.services.ecs import ContainerService
from localcloud.services.elbv2 import LoadBalancing

if TYPE_CHECKING:
    from localcloud.context import Context, Service
    from localcloud.github import GitHub


def own_services(ctx: Context, _github: GitHub) -> list[Service]:
    """Return our own services; they are to be started in this order and stopped in the reverse one."""
    balancing = LoadBalancing(ctx)
    containers = ContainerService(ctx, balancing.targets)
    return [balancing, containers, ApplicationAutoScaling(ctx, containers.state)]
