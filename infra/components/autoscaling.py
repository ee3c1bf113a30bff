"""How many tasks a service has."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True, slots=True)
class AutoscalingArgs:
    """Of which service, between which counts, and at which mean CPU use in percent."""

    cluster_name: pulumi.Input[str]
    service_name: pulumi.Input[str]
    minimum: int
    maximum: int
    cpu_percent: int


class Autoscaling(pulumi.ComponentResource):
    """Follows the load by the tasks' mean CPU use."""

    policy_arn: pulumi.Output[str]

    def __init__(self, name: str, args: AutoscalingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:Autoscaling", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        target = aws.appautoscaling.Target(
            name,
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=pulumi.Output.concat("service/", args.cluster_name, "/", args.service_name),
            min_capacity=args.minimum,
            max_capacity=args.maximum,
            opts=child,
        )
        configuration = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs(
            target_value=args.cpu_percent,
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
