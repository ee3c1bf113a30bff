"""The canary of a service's releases: ECS's deployment strategy CANARY."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra.aws import iam

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.config.environment import Service as Section


def configuration(section: Section, *, stands: bool) -> aws.ecs.ServiceDeploymentConfigurationArgs | None:
    """Return how ECS deploys a service: by a canary, or None for a rolling update, ECS's default.

    A service that stands with a canary has to be told of the rolling update: the provider leaves alone what is absent.

    The last step, in which all requests go to the new tasks while the old ones still run, is as long as the alarm that
    rolls a deployment back needs; without such an alarm nothing would be watched in it.
    """
    if section.canary is None:
        return aws.ecs.ServiceDeploymentConfigurationArgs(strategy="ROLLING") if stands else None
    return aws.ecs.ServiceDeploymentConfigurationArgs(
        strategy="CANARY",
        bake_time_in_minutes=str(section.canary_bake),
        canary_configuration=aws.ecs.ServiceDeploymentConfigurationCanaryConfigurationArgs(
            canary_percent=section.canary.percent, canary_bake_time_in_minutes=str(section.canary.minutes)
        ),
    )


def circuit_breaker(section: Section) -> aws.ecs.ServiceDeploymentCircuitBreakerArgs | None:
    """Return the circuit breaker, which rolls a rolling update back; None with a canary.

    It "can only be used for services using the rolling update deployment type" (ECS API reference,
    DeploymentCircuitBreaker). `delivery` stops a canary whose tasks fail.
    """
    if section.canary:
        return None
    return aws.ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True)


def advanced(
    name: str,
    groups: Sequence[aws.lb.TargetGroup],
    rule: aws.lb.ListenerRule,
    opts: pulumi.ResourceOptions,
) -> aws.ecs.ServiceLoadBalancerAdvancedConfigurationArgs:
    """Create the role by which ECS moves requests between two target groups; return what ECS has to know.

    Args:
        name: of the service in its environment.
        groups: the target group and the alternate one.
        rule: the listener rule whose weights ECS changes.
        opts: with the parent.
    """
    return aws.ecs.ServiceLoadBalancerAdvancedConfigurationArgs(
        alternate_target_group_arn=groups[1].arn,
        production_listener_rule=rule.arn,
        role_arn=_role(f"{name}-canary", groups, rule, opts),
    )


def _role(
    name: str, groups: Sequence[aws.lb.TargetGroup], rule: aws.lb.ListenerRule, opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """Create the infrastructure role; the ARN output resolves after its policy exists.

    Its actions are those of AWS's own policy AmazonECSInfrastructureRolePolicyForLoadBalancers that concern listener
    rules of an application load balancer, on the service's own rule and target groups (ECS developer guide, "Amazon ECS
    infrastructure IAM role for load balancers").
    """
    role = aws.iam.Role(name, assume_role_policy=iam.service_trust_policy("ecs.amazonaws.com"), opts=opts)
    read = [f"elasticloadbalancing:Describe{kind}" for kind in ("Listeners", "Rules", "TargetGroups", "TargetHealth")]
    register = ["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"]
    document = iam.document(
        iam.statement("ReadLoadBalancers", read, ["*"]),
        iam.statement("RegisterTasks", register, [one.arn for one in groups]),
        iam.statement("MoveRequests", ["elasticloadbalancing:ModifyRule"], [rule.arn]),
    )
    policy = aws.iam.RolePolicy(name, role=role.name, policy=pulumi.Output.json_dumps(document), opts=opts)
    return pulumi.Output.all(role.arn, policy.id).apply(lambda both: str(both[0]))
