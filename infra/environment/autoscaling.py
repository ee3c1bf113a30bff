"""The autoscaling of a service's number of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from infra.config.environment import Autoscaling as Section


class Autoscaling(pulumi.ComponentResource):
    """Target tracking of a service's number of tasks by average CPU utilization.

    Args:
        name: of the service in its environment, such as `staging-web`.
        section: `slipway:environment.services.<name>.autoscaling`.
        cluster_name: of the ECS cluster.
        service_name: of the ECS service.
    """

    policy_arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        section: Section,
        *,
        cluster_name: pulumi.Input[str],
        service_name: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("slipway:infra:Autoscaling", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        target = aws.appautoscaling.Target(
            name,
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=pulumi.Output.concat("service/", cluster_name, "/", service_name),
            min_capacity=section.minimum,
            max_capacity=section.maximum,
            opts=child,
        )
        configuration = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs(
            target_value=section.cpu_percent,
            predefined_metric_specification=(
                aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs(
                    predefined_metric_type="ECSServiceAverageCPUUtilization"
                )
            ),
        )
        policy = aws.appautoscaling.Policy(
            name,
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration=configuration,
            opts=child,
        )
        self.policy_arn = policy.arn
        self.register_outputs({"policy_arn": self.policy_arn})
