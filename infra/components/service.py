"""A service: tasks that are kept running, healthy and reachable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthCheckArgs:
    """The load balancer's health check; times in seconds."""

    path: str
    interval: int
    timeout: int
    threshold: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceArgs:
    """What the service needs; times in seconds.

    With `follow_release` a new task definition is rolled out by `pulumi up`; else releases come from elsewhere
    and are left alone, and so is the number of tasks where it is `autoscaled`.
    `database_security_group_id` admits the service to the database.
    """

    service_name: str
    container: str
    port: int
    desired_count: int
    paths: Sequence[str]
    priority: int
    health_check: HealthCheckArgs
    deregistration_delay: int
    grace_period: int
    autoscaled: bool
    spot: bool
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    public_ip: bool
    cluster_arn: pulumi.Input[str]
    listener_arn: pulumi.Input[str]
    balancer_security_group_id: pulumi.Input[str]
    database_security_group_id: pulumi.Input[str] | None
    database_port: pulumi.Input[int] | None
    task_definition_arn: pulumi.Input[str]
    follow_release: bool


class Service(pulumi.ComponentResource):
    """An ECS service on Fargate behind the load balancer.

    - `pulumi up` waits until it is stable, and fails with ECS's reason when it does not become so
    - tasks are reachable from the load balancer only; a failing release is rolled back by the circuit breaker
    - a target group with its own health check, and the route that leads to it
    - where asked for: Spot capacity, admission to the database
    """

    name: pulumi.Output[str]
    target_group_arn: pulumi.Output[str]
    metric_name: pulumi.Output[str]

    def __init__(self, name: str, args: ServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:Service", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        group = self._security_group()
        targets = self._target_group()
        rule = self._route(targets)
        service = self._service(group, targets, rule)
        self.name, self.target_group_arn, self.metric_name = service.name, targets.arn, targets.arn_suffix
        self.register_outputs(
            {"name": self.name, "target_group_arn": self.target_group_arn, "metric_name": self.metric_name}
        )

    def _security_group(self) -> aws.ec2.SecurityGroup:
        """Tasks: in from the load balancer, out to anywhere (images, AWS's APIs, the database)."""
        args, name = self._args, self._name
        group = aws.ec2.SecurityGroup(
            name, vpc_id=args.vpc_id, description="Tasks: from the load balancer", opts=self._child
        )
        aws.vpc.SecurityGroupEgressRule(
            name, security_group_id=group.id, cidr_ipv4="0.0.0.0/0", ip_protocol="-1", opts=self._child
        )
        self._admit("balancer", args.balancer_security_group_id, group.id, args.port)
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-balancer",
            security_group_id=args.balancer_security_group_id,
            referenced_security_group_id=group.id,
            ip_protocol="tcp",
            from_port=args.port,
            to_port=args.port,
            opts=self._child,
        )
        if args.database_security_group_id is not None and args.database_port is not None:
            self._admit("database", group.id, args.database_security_group_id, args.database_port)
        return group

    def _admit(
        self, purpose: str, source: pulumi.Input[str], target: pulumi.Input[str], port: pulumi.Input[int]
    ) -> None:
        """Let one security group reach a port of another."""
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
        """Decide which tasks get requests."""
        check = self._args.health_check
        return aws.lb.TargetGroup(
            self._name,
            vpc_id=self._args.vpc_id,
            target_type="ip",
            port=self._args.port,
            protocol="HTTP",
            deregistration_delay=self._args.deregistration_delay,
            health_check=aws.lb.TargetGroupHealthCheckArgs(
                path=check.path,
                interval=check.interval,
                timeout=check.timeout,
                healthy_threshold=check.threshold,
                unhealthy_threshold=check.threshold,
                matcher="200",
            ),
            opts=self._child,
        )

    def _route(self, targets: aws.lb.TargetGroup) -> aws.lb.ListenerRule:
        """Send the service's paths to its tasks."""
        paths = aws.lb.ListenerRuleConditionPathPatternArgs(values=list(self._args.paths))
        return aws.lb.ListenerRule(
            self._name,
            listener_arn=self._args.listener_arn,
            priority=self._args.priority,
            conditions=[aws.lb.ListenerRuleConditionArgs(path_pattern=paths)],
            actions=[aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=targets.arn)],
            opts=self._child,
        )

    def _service(
        self, group: aws.ec2.SecurityGroup, targets: aws.lb.TargetGroup, rule: aws.lb.ListenerRule
    ) -> aws.ecs.Service:
        """Keep the tasks running: never fewer than desired, twice as many while a release rolls out."""
        args = self._args
        spot = aws.ecs.ServiceCapacityProviderStrategyArgs(capacity_provider="FARGATE_SPOT", weight=1)
        ignored = ([] if args.follow_release else ["taskDefinition"]) + (["desiredCount"] if args.autoscaled else [])
        return aws.ecs.Service(
            self._name,
            name=args.service_name,
            cluster=args.cluster_arn,
            task_definition=args.task_definition_arn,
            desired_count=args.desired_count,
            launch_type=None if args.spot else "FARGATE",
            capacity_provider_strategies=[spot] if args.spot else None,
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            deployment_circuit_breaker=aws.ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
            availability_zone_rebalancing="ENABLED",
            health_check_grace_period_seconds=args.grace_period,
            network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
                subnets=args.subnet_ids, security_groups=[group.id], assign_public_ip=args.public_ip
            ),
            load_balancers=[
                aws.ecs.ServiceLoadBalancerArgs(
                    target_group_arn=targets.arn, container_name=args.container, container_port=args.port
                )
            ],
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            wait_for_steady_state=True,
            # A service's name is taken until it is gone, so one that must be replaced is deleted first.
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[rule], ignore_changes=ignored, delete_before_replace=True
            ),
        )
