"""The ECS service and its listener rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra.environment import capacities, rollback_alarm, task_security_group

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from infra.config.environment import Service as Section
    from infra.environment.task_security_group import DatabaseAccess, Placement

NOBODY = "192.0.2.0/32"
"""An address that no request comes from (RFC 5737, TEST-NET-1)."""


class Service(pulumi.ComponentResource):
    """An ECS service on Fargate behind the load balancer.

    - `pulumi up` waits for a steady state, and fails with ECS's reason if the service does not reach it
    - a security group that lets only the load balancer reach the tasks
    - a target group with its health check, and a listener rule that forwards to it once the service is steady
    - the deployment circuit breaker, which rolls a failed deployment back
    - depending on the configuration: Spot capacity, access to the database, an alarm that rolls a deployment back

    Args:
        name: of the service in its environment, such as `staging-web`.
        section: `slipway:environment.services.<name>`.
        container: name of the container that the load balancer forwards requests to.
        placement: network, cluster and load balancer.
        database: the database that it may connect to; None for none.
        task_definition_arn: of its first release.
        follow_release: whether `pulumi up` deploys a new task definition. Otherwise the pipeline does, and Pulumi
            ignores changes of the task definition.
        hooks: of the ECS service.
        attachment: priority of a rule that no request matches, but that attaches the target group to the load balancer:
            the listener rule is then created after the service is steady, and deleted before it. 0 for a service that
            was created without one: its listener rule is then created first.
        ports: that its releases listen on, the first one first; the load balancer may reach them all.
        stands_on: the capacity providers that it runs on now, none if it has a launch type; None if it does not stand.
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
        attachment: int,
        ports: Sequence[int],
        stands_on: Collection[str] | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("slipway:infra:Service", name, None, opts)
        self._name, self._section, self._placement = name, section, placement
        self._child = pulumi.ResourceOptions(parent=self)
        group = task_security_group.create(name, ports, placement, database, self._child)
        targets = self._target_group()
        target = aws.ecs.ServiceLoadBalancerArgs(
            target_group_arn=targets.arn, container_name=container, container_port=section.effective_port
        )
        capacity = capacities.of(section, stands_on)
        # The port of what runs moves with the release that listens on another (`delivery`, UpdateService).
        of_release = ["taskDefinition", "loadBalancers[0].containerPort"]
        ignored = ([] if follow_release else of_release) + (["desiredCount"] if section.autoscaling else [])
        # Only the `up` that switches Spot on or off deploys for that; later ones leave what it set.
        ignored += ["forceNewDeployment"] if stands_on and not capacity.switches else []
        # The service's name is unique in the cluster, so a replacement needs the old service to be deleted first.
        options = pulumi.ResourceOptions(
            parent=self,
            depends_on=[self._attachment(targets, attachment) if attachment else self._route(targets, [])],
            ignore_changes=ignored,
            delete_before_replace=True,
            hooks=hooks,
        )
        alarms = self._alarms(targets)
        service = self._service(group, target, task_definition_arn, capacity, alarms, options)
        if attachment:
            self._route(targets, [service])
        self.name, self.target_group_arn, self.metric_name = service.name, targets.arn, targets.arn_suffix
        self.register_outputs(
            {"name": self.name, "target_group_arn": self.target_group_arn, "metric_name": self.metric_name}
        )

    def _target_group(self) -> aws.lb.TargetGroup:
        """Create the target group with its health check.

        Its own port is that of its creation and reaches nothing: ECS registers each task with the task's port, which
        the health check follows (ELBv2 CreateTargetGroup, Port; HealthCheckPort `traffic-port`).
        """
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
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["port"]),
        )

    def _alarms(self, targets: aws.lb.TargetGroup) -> aws.ecs.ServiceAlarmsArgs | None:
        section = self._section.rollback_alarm
        if section is None:
            return None
        balancer = self._placement.balancer_metric_name
        return rollback_alarm.create(
            self._name, section, balancer=balancer, targets=targets.arn_suffix, opts=self._child
        )

    def _attachment(self, targets: aws.lb.TargetGroup, priority: int) -> aws.lb.ListenerRule:
        """Create the rule that attaches the target group: ECS creates no service for one that is not attached."""
        nobody = aws.lb.ListenerRuleConditionSourceIpArgs(values=[NOBODY])
        return aws.lb.ListenerRule(
            f"{self._name}-attachment",
            listener_arn=self._placement.listener_arn,
            priority=priority,
            conditions=[aws.lb.ListenerRuleConditionArgs(source_ip=nobody)],
            actions=[aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=targets.arn)],
            opts=self._child,
        )

    def _route(self, targets: aws.lb.TargetGroup, after: Sequence[pulumi.Resource]) -> aws.lb.ListenerRule:
        """Create the listener rule that forwards the service's paths to its target group."""
        paths = aws.lb.ListenerRuleConditionPathPatternArgs(values=list(self._section.route.paths))
        return aws.lb.ListenerRule(
            self._name,
            listener_arn=self._placement.listener_arn,
            priority=self._section.route.priority,
            conditions=[aws.lb.ListenerRuleConditionArgs(path_pattern=paths)],
            actions=[aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=targets.arn)],
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )

    def _service(
        self,
        group: aws.ec2.SecurityGroup,
        target: aws.ecs.ServiceLoadBalancerArgs,
        task_definition_arn: pulumi.Input[str],
        capacity: capacities.Capacity,
        alarms: aws.ecs.ServiceAlarmsArgs | None,
        options: pulumi.ResourceOptions,
    ) -> aws.ecs.Service:
        """Create the ECS service; during a deployment it runs 100 to 200 percent of the desired tasks."""
        section, placement = self._section, self._placement
        return aws.ecs.Service(
            self._name,
            name=self._name,
            cluster=placement.cluster_arn,
            task_definition=task_definition_arn,
            desired_count=section.desired_count,
            launch_type=None if capacity.strategies else "FARGATE",
            capacity_provider_strategies=capacity.strategies or None,
            force_new_deployment=True if capacity.switches else None,
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            deployment_circuit_breaker=aws.ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
            alarms=alarms,
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
