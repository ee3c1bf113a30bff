"""The alarm by which ECS rolls a service's deployment back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi_aws as aws

from contract import limits
from infra.aws import names

if TYPE_CHECKING:
    import pulumi

    from infra.config.environment import RollbackAlarm


def create(
    name: str,
    section: RollbackAlarm,
    *,
    balancer: pulumi.Input[str],
    targets: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> aws.ecs.ServiceAlarmsArgs:
    """Create the alarm on failed requests of a service, and return what makes ECS watch deployments by it.

    It publishes nothing: people learn of the deployment that it rolls back, and of failed requests by the alarms of the
    environment. An alarm that is on when a deployment begins is not watched, so that a release can end the failures of
    the one before (ECS developer guide, "How CloudWatch alarms detect Amazon ECS deployment failures").

    Args:
        name: of the service, such as `staging-web`.
        section: `slipway:environment.services.<name>.rollback_alarm`.
        balancer: ARN suffix of the load balancer, its CloudWatch dimension.
        targets: ARN suffix of the target group, its CloudWatch dimension.
        opts: of the alarm.
    """
    alarm = aws.cloudwatch.MetricAlarm(
        f"{name}-rollback",
        name=names.alarm(name, "rollback"),
        alarm_description=f"{section.failed_requests} or more 5xx responses a minute for {section.minutes} min; ECS "
        "rolls a deployment back meanwhile",
        namespace="AWS/ApplicationELB",
        metric_name="HTTPCode_Target_5XX_Count",
        dimensions={"LoadBalancer": balancer, "TargetGroup": targets},
        statistic="Sum",
        period=limits.ALARM_SECONDS,
        evaluation_periods=section.minutes,
        comparison_operator="GreaterThanOrEqualToThreshold",
        threshold=section.failed_requests,
        treat_missing_data="notBreaching",
        opts=opts,
    )
    return aws.ecs.ServiceAlarmsArgs(alarm_names=[alarm.name], enable=True, rollback=True)
