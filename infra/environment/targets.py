"""The target groups of a service, and the listener rules that lead to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.config.environment import Service as Section

NOBODY = "192.0.2.0/32"
"""An address that no request comes from (RFC 5737, TEST-NET-1)."""
ALL, NONE = 100, 0
"""The weights of two target groups before ECS moves them: all requests, none."""


def group(name: str, section: Section, vpc_id: pulumi.Input[str], opts: pulumi.ResourceOptions) -> aws.lb.TargetGroup:
    """Create a target group with its health check.

    Its own port is that of its creation and reaches nothing: ECS registers each task with the task's port, which
    the health check follows (ELBv2 CreateTargetGroup, Port; HealthCheckPort `traffic-port`).

    Args:
        name: of the target group.
        section: `slipway:environment.services.<name>`.
        vpc_id: of the network.
        opts: with the parent.
    """
    check = section.health_check
    return aws.lb.TargetGroup(
        name,
        vpc_id=vpc_id,
        target_type="ip",
        port=section.effective_port,
        protocol="HTTP",
        deregistration_delay=section.deregistration_delay,
        health_check=aws.lb.TargetGroupHealthCheckArgs(
            path=check.path,
            interval=check.interval,
            timeout=check.timeout,
            healthy_threshold=check.threshold,
            unhealthy_threshold=check.threshold,
            matcher=check.status,
        ),
        opts=pulumi.ResourceOptions(parent=opts.parent, ignore_changes=["port"]),
    )


def attach(
    name: str,
    target_group: aws.lb.TargetGroup,
    listener_arn: pulumi.Input[str],
    priority: int,
    opts: pulumi.ResourceOptions,
) -> aws.lb.ListenerRule:
    """Create the rule that attaches a target group: ECS creates no service for one that is not attached."""
    nobody = aws.lb.ListenerRuleConditionSourceIpArgs(values=[NOBODY])
    return aws.lb.ListenerRule(
        f"{name}-attachment",
        listener_arn=listener_arn,
        priority=priority,
        conditions=[aws.lb.ListenerRuleConditionArgs(source_ip=nobody)],
        actions=[aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=target_group.arn)],
        opts=opts,
    )


def route(
    name: str,
    section: Section,
    groups: Sequence[aws.lb.TargetGroup],
    listener_arn: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> aws.lb.ListenerRule:
    """Create the listener rule that forwards a service's paths to its target group.

    Args:
        name: of the service in its environment.
        section: `slipway:environment.services.<name>`.
        groups: the target group; with a canary the alternate one too, which gets no request before ECS says so.
        listener_arn: of the listener.
        opts: with the parent, and what has to exist before.
    """
    paths = aws.lb.ListenerRuleConditionPathPatternArgs(values=list(section.route.paths))
    return aws.lb.ListenerRule(
        name,
        listener_arn=listener_arn,
        priority=section.route.priority,
        conditions=[aws.lb.ListenerRuleConditionArgs(path_pattern=paths)],
        actions=[_forward(groups)],
        opts=opts,
    )


def _forward(groups: Sequence[aws.lb.TargetGroup]) -> aws.lb.ListenerRuleActionArgs:
    """Return the action of a rule: to one target group, or to two with weights."""
    if len(groups) == 1:
        return aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=groups[0].arn)
    weighted = [
        aws.lb.ListenerRuleActionForwardTargetGroupArgs(arn=one.arn, weight=NONE if number else ALL)
        for number, one in enumerate(groups)
    ]
    return aws.lb.ListenerRuleActionArgs(
        type="forward", forward=aws.lb.ListenerRuleActionForwardArgs(target_groups=weighted)
    )
