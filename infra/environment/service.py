"""The ECS service and its listener rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.config.environment import Service as Section


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """The network, cluster and load balancer that an environment's services share."""

    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    public_ip: bool
    cluster_arn: pulumi.Input[str]
    listener_arn: pulumi.Input[str]
    balancer_security_group_id: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseAccess:
    """The database that a service may connect to: its security group and port."""

    security_group_id: pulumi.Input[str]
    port: pulumi.Input[int]


class Service(pulumi.ComponentResource):
    """An ECS service on Fargate behind the load balancer.

    - `pulumi up` waits for a steady state, and fails with ECS's reason if the service does not reach it
    - a security group that lets only the load balancer reach the tasks
    - a target group with its health check, and a listener rule that forwards to it
    - the deployment circuit breaker, which rolls a failed deployment back
    - depending on the configuration: Spot capacity, access to the database

    Args:
        name: of the service in its environment, such as `staging-web`.
        section: `slipway:environment.services.<name>`.
        container: name of the container that the load balancer forwards requests to.
        placement: network, cluster and load balancer.
        database: the database that it may connect to; None for none.
        task_definition_arn: of its first release.
        follow_release: whether `pulumi up` deploys a new task definition. Otherwise the pipeline does, and Pulumi
            ignores changes of the task definition.
        hooks: hooks of the ECS service.
    """

    name: pulumi.Output[str]
    target_group_arn: pulumi.Output[str]
    metric_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        section: Section,
        *,
        container: str,
        placement: Placement,
        database: DatabaseAccess | None,
        task_definition_arn: pulumi.Input[str],
        follow_release: bool,
        hooks: pulumi.ResourceHookBinding,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("slipway:infra:Service", name, None, opts)
        self._name, self._section, self._placement = name, section, placement
        self._child = pulumi.ResourceOptions(parent=self)
        group = self._security_group(database)
        targets = self._target_group()
        target = aws.ecs.ServiceLoadBalancerArgs(
            target_group_arn=targets.arn, container_name=container, container_port=section.effective_port
        )
        ignored = ([] if follow_release else ["taskDefinition"]) + (["desiredCount"] if section.autoscaling else [])
        # The service's name is unique in the cluster, so a replacement needs the old service to be deleted first.
        options = pulumi.ResourceOptions(
            parent=self,
            depends_on=[self._route(targets)],
            ignore_changes=ignored,
            delete_before_replace=True,
            hooks=hooks,
        )
        service = self._service(group, target, task_definition_arn, options)
        self.name, self.target_group_arn, self.metric_name = service.name, targets.arn, targets.arn_suffix
        self.register_outputs(
            {"name": self.name, "target_group_arn": self.target_group_arn, "metric_name": self.metric_name}
        )

    def _security_group(self, database: DatabaseAccess | None) -> aws.ec2.SecurityGroup:
        """Create the tasks' security group: ingress from the load balancer, egress to anywhere (images, AWS APIs)."""
        name, balancer, port = self._name, self._placement.balancer_security_group_id, self._section.effective_port
        group = aws.ec2.SecurityGroup(
            name, vpc_id=self._placement.vpc_id, description="Tasks: from the load balancer", opts=self._child
        )
        aws.vpc.SecurityGroupEgressRule(
            name, security_group_id=group.id, cidr_ipv4="0.0.0.0/0", ip_protocol="-1", opts=self._child
        )
        self._allow_ingress("balancer", balancer, group.id, port)
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-balancer",
            security_group_id=balancer,
            referenced_security_group_id=group.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            opts=self._child,
        )
        if database:
            self._allow_ingress("database", group.id, database.security_group_id, database.port)
        return group

    def _allow_ingress(
        self, purpose: str, source: pulumi.Input[str], target: pulumi.Input[str], port: pulumi.Input[int]
    ) -> None:
        """Allow TCP connections from one security group to a port of another."""
        aws.vpc.SecurityGroupIngressRule(
            f"{self._name}-{purpose}",
            security_group_id=target,
            referenced_security_group_id=source,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            opts=self._child,
        )

    def _target_group(self) -> aws.lb.TargetGroup:
        """Create the target group with its health check."""
        check = self._section.health_check
        return aws.lb.TargetGroup(
            self._name,
            vpc_id=self._placement.vpc_id,
            target_type="ip",
            port=self._section.effective_port,
            protocol="HTTP",
            deregistration_delay=self._section.deregistration_delay,
            health_check=aws.lb.TargetGroupHealthCheckArgs(
                path=check.path,
                interval=check.interval,
                timeout=check.timeout,
                healthy_threshold=check.threshold,
                unhealthy_threshold=check.threshold,
                matcher=check.status,
            ),
            opts=self._child,
        )

    def _route(self, targets: aws.lb.TargetGroup) -> aws.lb.ListenerRule:
        """Create the listener rule that forwards the service's paths to its target group."""
        paths = aws.lb.ListenerRuleConditionPathPatternArgs(values=list(self._section.route.paths))
        return aws.lb.ListenerRule(
            self._name,
            listener_arn=self._placement.listener_arn,
            priority=self._section.route.priority,
            conditions=[aws.lb.ListenerRuleConditionArgs(path_pattern=paths)],
            actions=[aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=targets.arn)],
            opts=self._child,
        )

    def _service(
        self,
        group: aws.ec2.SecurityGroup,
        target: aws.ecs.ServiceLoadBalancerArgs,
        task_definition_arn: pulumi.Input[str],
        options: pulumi.ResourceOptions,
    ) -> aws.ecs.Service:
        """Create the ECS service; during a deployment it runs 100 to 200 percent of the desired tasks."""
        section, placement = self._section, self._placement
        spot = aws.ecs.ServiceCapacityProviderStrategyArgs(capacity_provider="FARGATE_SPOT", weight=1)
        return aws.ecs.Service(
            self._name,
            name=self._name,
            cluster=placement.cluster_arn,
            task_definition=task_definition_arn,
            desired_count=section.desired_count,
            launch_type=None if section.spot else "FARGATE",
            capacity_provider_strategies=[spot] if section.spot else None,
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            deployment_circuit_breaker=aws.ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
            availability_zone_rebalancing="ENABLED",
            health_check_grace_period_seconds=section.grace_period,
            network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
                subnets=placement.subnet_ids, security_groups=[group.id], assign_public_ip=placement.public_ip
            ),
            load_balancers=[target],
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            wait_for_steady_state=True,
            opts=options,
        )
