"""The target groups of an ECS service, from DescribeServices' answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def target_groups(service: Mapping[str, Any]) -> list[str]:
    """Return the ARNs of a service's target groups; with a canary the alternate ones too, either of which may serve."""
    found = []
    for balancer in service.get("loadBalancers", []):
        found.append(balancer["targetGroupArn"])
        if alternate := balancer.get("advancedConfiguration", {}).get("alternateTargetGroupArn"):
            found.append(alternate)
    return found
