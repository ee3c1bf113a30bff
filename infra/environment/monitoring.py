"""The dashboard and alarms of an environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from contract.runbook import Alarm
from infra.aws import names
from infra.aws.widgets import MINUTE
from infra.environment.dashboard import BALANCER, widgets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.config.database import Database
    from infra.environment.dashboard import ServiceMetrics

RDS = "AWS/RDS"
# An alarm needs 2 breaching periods of 3: five failed requests, or an unhealthy target, per minute.
FAILED_REQUESTS, PERIODS, BREACHES = 5, 3, 2
DATABASE_MINUTES = 5  # of a period of the database's alarms; all of PERIODS have to breach.
GIB = 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseMetrics:
    """The CloudWatch dimension of a database, its identifier, and the section with storage and alarms."""

    identifier: pulumi.Input[str]
    section: Database


class Monitoring(pulumi.ComponentResource):
    """The dashboard and alarms of an environment.

    - alarms for 5xx responses of the load balancer and of each service, and for unhealthy targets
    - by configuration alarms on free storage, CPU and connections of the database
    - missing data does not breach: without traffic there is no alarm

    Args:
        name: of the environment.
        region: of the metrics.
        balancer: ARN suffix of the load balancer, its CloudWatch dimension.
        cluster_name: of the ECS cluster.
        services: dimensions by the service's name in the stack file.
        database: None if there is none.
        topic_arns: SNS topics that alarms are published to.
        runbook_url: of the folder that has a page for each alarm; None for descriptions without a link.
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
        database: DatabaseMetrics | None,
        topic_arns: Sequence[pulumi.Input[str]],
        runbook_url: str | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("slipway:infra:Monitoring", name, None, opts)
        self._name, self._balancer, self._topic_arns = name, balancer, topic_arns
        self._runbook_url = runbook_url
        self._alarm(Alarm.BALANCER_ERRORS, "", "HTTPCode_ELB_5XX_Count", "Sum", FAILED_REQUESTS, {})
        for service, metrics in services.items():
            for suffix, targets in metrics.groups.items():
                one, group = f"{service}{suffix}", {"TargetGroup": targets}
                self._alarm(Alarm.SERVICE_ERRORS, one, "HTTPCode_Target_5XX_Count", "Sum", FAILED_REQUESTS, group)
                self._alarm(Alarm.UNHEALTHY, one, "UnHealthyHostCount", "Maximum", 1, group)
        if database:
            self._database_alarms(database)
        shown = widgets(services, balancer=balancer, cluster_name=cluster_name, region=region)
        dashboard = aws.cloudwatch.Dashboard(
            name,
            dashboard_name=names.dashboard(name),
            dashboard_body=pulumi.Output.json_dumps({"widgets": shown}, sort_keys=True),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.dashboard = dashboard.dashboard_name
        self.register_outputs({"dashboard": self.dashboard})

    def _alarm(
        self,
        kind: Alarm,
        service: str,
        metric: str,
        statistic: str,
        threshold: int,
        dimensions: Mapping[str, pulumi.Input[str]],
    ) -> None:
        """Create an alarm that fires at or above the threshold; `service` is empty for the load balancer's own."""
        suffix = kind.of(service)
        aws.cloudwatch.MetricAlarm(
            f"{self._name}-{suffix}",
            name=names.alarm(self._name, suffix),
            alarm_description=self._described(
                f"{metric} is {threshold} or more in {BREACHES} of {PERIODS} minutes", kind
            ),
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

    def _described(self, text: str, kind: Alarm) -> str:
        """Return an alarm's description, with the link to its page if the stack file says where that is."""
        return f"{text}; {self._runbook_url}/{kind.page}" if self._runbook_url else text

    def _database_alarms(self, database: DatabaseMetrics) -> None:
        """Create the alarms of the database (RDS user guide, "Amazon CloudWatch instance-level metrics")."""
        section, limits = database.section, database.section.alarms
        if limits is None:
            return
        free = section.storage * GIB * limits.free_storage_percent // 100
        for kind, metric, above, threshold, text in (
            (
                Alarm.DATABASE_STORAGE,
                "FreeStorageSpace",
                False,
                free,
                f"less than {limits.free_storage_percent} % of the storage",
            ),
            (Alarm.DATABASE_CPU, "CPUUtilization", True, limits.cpu_percent, f"{limits.cpu_percent} % or more"),
            (
                Alarm.DATABASE_CONNECTIONS,
                "DatabaseConnections",
                True,
                limits.connections,
                f"{limits.connections} or more",
            ),
        ):
            aws.cloudwatch.MetricAlarm(
                f"{self._name}-{kind}",
                name=names.alarm(self._name, kind),
                alarm_description=self._described(f"{metric} is {text} for {PERIODS * DATABASE_MINUTES} minutes", kind),
                namespace=RDS,
                metric_name=metric,
                dimensions={"DBInstanceIdentifier": database.identifier},
                statistic="Average",
                period=DATABASE_MINUTES * MINUTE,
                evaluation_periods=PERIODS,
                datapoints_to_alarm=PERIODS,
                comparison_operator="GreaterThanOrEqualToThreshold" if above else "LessThanThreshold",
                threshold=threshold,
                treat_missing_data="notBreaching",
                alarm_actions=list(self._topic_arns),
                opts=pulumi.ResourceOptions(parent=self),
            )
