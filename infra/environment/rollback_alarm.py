"""The alarm by which ECS rolls a service's deployment back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi_aws as aws

from contract import limits
from infra.aws import names

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pulumi

    from infra.config.environment import RollbackAlarm


def create(
    name: str,
    section: RollbackAlarm,
    *,
    balancer: pulumi.Input[str],
    targets: Sequence[pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
) -> aws.ecs.ServiceAlarmsArgs:
    """Create the alarms on failed requests of a service, and return what makes ECS watch deployments by it.

    It publishes nothing: people learn of the deployment that it rolls back, and of failed requests by the alarms of the
    environment. An alarm that is on when a deployment begins is not watched, so that a release can end the failures of
    the one before (ECS developer guide, "How CloudWatch alarms detect Amazon ECS deployment failures").

    Args:
        name: of the service, such as `staging-web`.
        section: `slipway:environment.services.<name>.rollback_alarm`.
        balancer: ARN suffix of the load balancer, its CloudWatch dimension.
        targets: ARN suffixes of the target group and, with a canary, of the alternate one, their CloudWatch
            dimensions. Each has an alarm of its own: the few requests of a canary do not vanish among the others.
        opts: of the alarm.
    """
    alarms = [
        _alarm(name, section, {"LoadBalancer": balancer, "TargetGroup": group}, f"rollback{suffix}", opts)
        for suffix, group in zip(("", names.ALTERNATE), targets, strict=False)
    ]
    return aws.ecs.ServiceAlarmsArgs(alarm_names=[one.name for one in alarms], enable=True, rollback=True)


def _alarm(
    name: str,
    section: RollbackAlarm,
    dimensions: dict[str, pulumi.Input[str]],
    suffix: str,
    opts: pulumi.ResourceOptions,
) -> aws.cloudwatch.MetricAlarm:
    """Create the alarm on the failed requests of one target group."""
    return aws.cloudwatch.MetricAlarm(
        f"{name}-{suffix}",
        name=names.alarm(name, suffix),
        alarm_description=f"{section.failed_requests} or more 5xx responses a minute for {section.minutes} min; ECS "
        "rolls a deployment back meanwhile",
        namespace="AWS/ApplicationELB",
        metric_name="HTTPCode_Target_5XX_Count",
        dimensions=dimensions,
        statistic="Sum",
        period=limits.ALARM_SECONDS,
        evaluation_periods=section.minutes,
        comparison_operator="GreaterThanOrEqualToThreshold",
        threshold=section.failed_requests,
        treat_missing_data="notBreaching",
        opts=opts,
    )
