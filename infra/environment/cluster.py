"""The ECS cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra.aws import names

if TYPE_CHECKING:
    from infra.config.environment import Environment as Section


class Cluster(pulumi.ComponentResource):
    """An ECS cluster on Fargate.

    - with Container Insights its log group, so that it has a retention and is deleted with the stack
    - with a Spot service the capacity providers `FARGATE` and `FARGATE_SPOT`

    Args:
        name: of the environment.
        section: `slipway:environment`.
        keeps_providers: whether a service that stands runs on a capacity provider, with or without Spot.
    """

    arn: pulumi.Output[str]
    name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        section: Section,
        *,
        keeps_providers: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("slipway:infra:Cluster", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        before = [self._insights(name, section)] if section.container_insights else []
        insights = "enabled" if section.container_insights else "disabled"
        cluster = aws.ecs.Cluster(
            name,
            name=names.cluster(name),
            settings=[aws.ecs.ClusterSettingArgs(name="containerInsights", value=insights)],
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
        )
        self.arn, self.name = cluster.arn, cluster.name
        if keeps_providers or any(service.spot for service in section.services.values()):
            providers = aws.ecs.ClusterCapacityProviders(
                name, cluster_name=cluster.name, capacity_providers=["FARGATE", "FARGATE_SPOT"], opts=child
            )
            self.arn = pulumi.Output.all(cluster.arn, providers.id).apply(lambda both: str(both[0]))
        self.register_outputs({"arn": self.arn, "name": self.name})

    def _insights(self, name: str, section: Section) -> aws.cloudwatch.LogGroup:
        """Create the log group that Container Insights would otherwise create without a retention."""
        return aws.cloudwatch.LogGroup(
            f"{name}-insights",
            name=names.insights_log_group(name),
            retention_in_days=section.log_retention_days,
            opts=pulumi.ResourceOptions(parent=self),
        )
