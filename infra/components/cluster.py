"""Where the environment's services run."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterArgs:
    """What the cluster needs; `insights_log_group` switches Container Insights on."""

    cluster_name: str
    insights_log_group: str | None
    log_retention_days: int
    spot: bool


class Cluster(pulumi.ComponentResource):
    """An ECS cluster on Fargate.

    - with Container Insights, its log group, declared so that it has a retention and goes with the stack
    - with Spot, Fargate's two capacity providers
    """

    arn: pulumi.Output[str]
    name: pulumi.Output[str]

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:Cluster", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        before = []
        if args.insights_log_group:
            before.append(
                aws.cloudwatch.LogGroup(
                    f"{name}-insights",
                    name=args.insights_log_group,
                    retention_in_days=args.log_retention_days,
                    opts=child,
                )
            )
        cluster = aws.ecs.Cluster(
            name,
            name=args.cluster_name,
            settings=[
                aws.ecs.ClusterSettingArgs(
                    name="containerInsights", value="enabled" if args.insights_log_group else "disabled"
                )
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
        )
        self.arn, self.name = cluster.arn, cluster.name
        if args.spot:
            providers = aws.ecs.ClusterCapacityProviders(
                name, cluster_name=cluster.name, capacity_providers=["FARGATE", "FARGATE_SPOT"], opts=child
            )
            self.arn = pulumi.Output.all(cluster.arn, providers.id).apply(lambda both: str(both[0]))
        self.register_outputs({"arn": self.arn, "name": self.name})
