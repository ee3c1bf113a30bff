"""The dashboard and alarms of an environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from infra.aws import names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BALANCER, ECS = "AWS/ApplicationELB", "AWS/ECS"
MINUTE = 60
# A few failed requests in two minutes of three, and a target that stays unhealthy for as long.
FAILED_REQUESTS, PERIODS, BREACHES = 5, 3, 2
WIDTH, HEIGHT = 8, 6  # of a dashboard's 24 columns


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceMetrics:
    """How CloudWatch knows a service: its ECS name and its target group's part of the ARN."""

    service_name: pulumi.Input[str]
    targets: pulumi.Input[str]


class Monitoring(pulumi.ComponentResource):
    """A dashboard, and an alarm for what users would notice.

    - the load balancer fails requests; a service fails requests; a service has unhealthy targets
    - no traffic is no alarm

    Args:
        name: of the environment.
        region: of the metrics.
        balancer: the load balancer, as CloudWatch knows it.
        cluster_name: of the ECS cluster.
        services: by their name in the stack file.
        topic_arns: topics that alarms are sent to.
    """

    dashboard: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        region: str,
        balancer: pulumi.Input[str],
        cluster_name: pulumi.Input[str],
        services: Mapping[str, ServiceMetrics],
        topic_arns: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("slipway:infra:Monitoring", name, None, opts)
        self._name, self._region, self._balancer = name, region, balancer
        self._cluster_name, self._services, self._topic_arns = cluster_name, services, topic_arns
        self._alarm("balancer-5xx", "HTTPCode_ELB_5XX_Count", "Sum", FAILED_REQUESTS, {})
        for service, metrics in services.items():
            of_targets = {"TargetGroup": metrics.targets}
            self._alarm(f"{service}-5xx", "HTTPCode_Target_5XX_Count", "Sum", FAILED_REQUESTS, of_targets)
            self._alarm(f"{service}-unhealthy", "UnHealthyHostCount", "Maximum", 1, of_targets)
        dashboard = aws.cloudwatch.Dashboard(
            name,
            dashboard_name=names.dashboard(name),
            dashboard_body=pulumi.Output.json_dumps({"widgets": self._widgets()}, sort_keys=True),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.dashboard = dashboard.dashboard_name
        self.register_outputs({"dashboard": self.dashboard})

    def _alarm(
        self, what: str, metric: str, statistic: str, threshold: int, dimensions: Mapping[str, pulumi.Input[str]]
    ) -> None:
        """Raise an alarm at or above the threshold."""
        aws.cloudwatch.MetricAlarm(
            f"{self._name}-{what}",
            name=f"{names.dashboard(self._name)}-{what}",
            alarm_description=f"{metric} is {threshold} or more in {BREACHES} of {PERIODS} minutes",
            namespace=BALANCER,
            metric_name=metric,
            dimensions={"LoadBalancer": self._balancer, **dimensions},
            statistic=statistic,
            period=MINUTE,
            evaluation_periods=PERIODS,
            datapoints_to_alarm=BREACHES,
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=threshold,
            treat_missing_data="notBreaching",
            alarm_actions=list(self._topic_arns),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _widgets(self) -> list[dict[str, Any]]:
        """Return a row for the load balancer and one for each service."""
        balancer = ["LoadBalancer", self._balancer]
        rows = [
            [
                ("requests", "Sum", [[BALANCER, "RequestCount", *balancer]]),
                ("response time", "p95", [[BALANCER, "TargetResponseTime", *balancer]]),
                ("failures of the load balancer", "Sum", [[BALANCER, "HTTPCode_ELB_5XX_Count", *balancer]]),
            ]
        ]
        for name, metrics in self._services.items():
            targets = ["TargetGroup", metrics.targets, *balancer]
            service = ["ClusterName", self._cluster_name, "ServiceName", metrics.service_name]
            hosts = [[BALANCER, metric, *targets] for metric in ("HealthyHostCount", "UnHealthyHostCount")]
            used = [[ECS, metric, *service] for metric in ("CPUUtilization", "MemoryUtilization")]
            failed = [[BALANCER, "HTTPCode_Target_5XX_Count", *targets]]
            rows.append(
                [
                    (f"{name}: failed requests", "Sum", failed),
                    (f"{name}: targets", "Average", hosts),
                    (f"{name}: use in %", "Average", used),
                ]
            )
        return [
            self._widget(title, statistic, metrics, (column * WIDTH, row * HEIGHT))
            for row, widgets in enumerate(rows)
            for column, (title, statistic, metrics) in enumerate(widgets)
        ]

    def _widget(self, title: str, statistic: str, metrics: list[list[Any]], corner: tuple[int, int]) -> dict[str, Any]:
        """Return one graph (CloudWatch, "Dashboard body structure and syntax")."""
        properties = {
            "title": title,
            "stat": statistic,
            "metrics": metrics,
            "period": MINUTE,
            "region": self._region,
            "view": "timeSeries",
        }
        x, y = corner
        return {"type": "metric", "x": x, "y": y, "width": WIDTH, "height": HEIGHT, "properties": properties}
