"""The widgets of an environment's dashboard. Pure functions; values may be Pulumi outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.aws import names
from infra.aws.widgets import grid

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from infra.aws.widgets import Graph

BALANCER, ECS = "AWS/ApplicationELB", "AWS/ECS"


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceMetrics:
    """The CloudWatch dimensions of a service: ECS service name, and ARN suffix of its target group.

    `alternate` is that of the second target group, which a service with a canary has: either of them serves.
    """

    service_name: pulumi.Input[str]
    targets: pulumi.Input[str]
    alternate: pulumi.Input[str] | None = None

    @property
    def groups(self) -> dict[str, pulumi.Input[str]]:
        """The dimensions of its target groups, by the suffix of the names of alarms on them."""
        return {"": self.targets} | ({} if self.alternate is None else {names.ALTERNATE: self.alternate})


def widgets(
    services: Mapping[str, ServiceMetrics],
    *,
    balancer: pulumi.Input[str],
    cluster_name: pulumi.Input[str],
    region: str,
) -> list[dict[str, Any]]:
    """Return the dashboard's widgets: a row for the load balancer and one for each service."""
    of_balancer = ["LoadBalancer", balancer]
    rows: list[list[Graph]] = [
        [
            ("requests", "Sum", [[BALANCER, "RequestCount", *of_balancer]]),
            ("response time", "p95", [[BALANCER, "TargetResponseTime", *of_balancer]]),
            ("failures of the load balancer", "Sum", [[BALANCER, "HTTPCode_ELB_5XX_Count", *of_balancer]]),
        ]
    ]
    for name, metrics in services.items():
        targets = [["TargetGroup", one, *of_balancer] for one in metrics.groups.values()]
        service = ["ClusterName", cluster_name, "ServiceName", metrics.service_name]
        counts = ("HealthyHostCount", "UnHealthyHostCount")
        hosts = [[BALANCER, metric, *group] for group in targets for metric in counts]
        utilization = [[ECS, metric, *service] for metric in ("CPUUtilization", "MemoryUtilization")]
        failed = [[BALANCER, "HTTPCode_Target_5XX_Count", *group] for group in targets]
        rows.append(
            [
                (f"{name}: failed requests", "Sum", failed),
                (f"{name}: targets", "Average", hosts),
                (f"{name}: use in %", "Average", utilization),
            ]
        )
    return grid(rows, region)
