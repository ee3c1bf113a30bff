"""The ECS service and its listener rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra.aws import names
from infra.environment import canary, capacities, rollback_alarm, targets, task_security_group

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from infra.config.environment import Service as Section
    from infra.environment.task_security_group import DatabaseAccess, Placement


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """How ECS deploys a service, and what makes it roll a deployment back."""

    configuration: aws.ecs.ServiceDeploymentConfigurationArgs | None
    circuit_breaker: aws.ecs.ServiceDeploymentCircuitBreakerArgs | None
    alarms: aws.ecs.ServiceAlarmsArgs | None


class Service(pulumi.ComponentResource):
    """An ECS service on Fargate behind the load balancer.

    - `pulumi up` waits for a steady state, and fails with ECS's reason if the service does not reach it
    - a security group that lets only the load balancer reach the tasks
    - a target group with its health check, and a listener rule that forwards to it once the service is steady
    - the deployment circuit breaker, which rolls a failed deployment back
    - depending on the configuration: Spot capacity, access to the database, an alarm that rolls a deployment back, or a
      canary in place of the circuit breaker, with a second target group

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
            was created without one, or with a canary: its listener rule is then created first.
        ports: that its releases listen on, the first one first; the load balancer may reach them all.
        has_canary: whether it stands with a canary: ECS has moved the weights of its listener rule, which stay then.
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
        has_canary: bool,
        stands_on: Collection[str] | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("slipway:infra:Service", name, None, opts)
        self._name, self._section, self._placement = name, section, placement
        self._child = pulumi.ResourceOptions(parent=self)
        group = task_security_group.create(name, ports, placement, database, self._child)
        groups = self._target_groups()
        # A canary needs the rule whose weights it changes; else it is created once the service is steady.
        first = None if attachment and not section.canary else self._route(groups, [], has_canary=has_canary)
        before: list[pulumi.Resource] = [first] if first else []
        if attachment:
            before.append(targets.attach(name, groups[0], placement.listener_arn, attachment, self._child))
        target = self._target(container, groups, first)
        capacity = capacities.of(section, stands_on)
        # The port of what runs moves with the release that listens on another (`delivery`, UpdateService).
        # Where the rest of that block changes, the provider would take what is ignored in it for 0.
        switches = has_canary != bool(section.canary)
        of_release = ["taskDefinition", *([] if switches else ["loadBalancers[0].containerPort"])]
        ignored = ([] if follow_release else of_release) + (["desiredCount"] if section.autoscaling else [])
        # Only the `up` that switches Spot on or off deploys for that; later ones leave what it set.
        ignored += ["forceNewDeployment"] if stands_on and not capacity.switches else []
        # The service's name is unique in the cluster, so a replacement needs the old service to be deleted first.
        options = pulumi.ResourceOptions(
            parent=self, depends_on=before, ignore_changes=ignored, delete_before_replace=True, hooks=hooks
        )
        deployment = Deployment(
            configuration=canary.configuration(section, stands=has_canary),
            circuit_breaker=canary.circuit_breaker(section),
            alarms=self._alarms(groups),
        )
        service = self._service(group, target, task_definition_arn, capacity, deployment, options)
        if first is None:
            self._route(groups, [service], has_canary=has_canary)
        self.name, self.target_group_arn, self.metric_name = service.name, groups[0].arn, groups[0].arn_suffix
        # Not an output of the component: what is registered of one that stands would change.
        self.alternate_metric_name = groups[1].arn_suffix if section.canary else None
        self.register_outputs(
            {"name": self.name, "target_group_arn": self.target_group_arn, "metric_name": self.metric_name}
        )

    def _target(
        self, container: str, groups: Sequence[aws.lb.TargetGroup], rule: aws.lb.ListenerRule | None
    ) -> aws.ecs.ServiceLoadBalancerArgs:
        """Return where ECS registers the tasks, and with a canary the listener rule whose weights it changes."""
        return aws.ecs.ServiceLoadBalancerArgs(
            target_group_arn=groups[0].arn,
            container_name=container,
            container_port=self._section.effective_port,
            advanced_configuration=canary.advanced(self._name, groups, rule, self._child)
            if rule and self._section.canary
            else None,
        )

    def _target_groups(self) -> list[aws.lb.TargetGroup]:
        """Create the target group and, with a canary, the alternate one."""
        suffixes = ["", names.ALTERNATE] if self._section.canary else [""]
        vpc = self._placement.vpc_id
        return [targets.group(f"{self._name}{suffix}", self._section, vpc, self._child) for suffix in suffixes]

    def _route(
        self, groups: Sequence[aws.lb.TargetGroup], after: Sequence[pulumi.Resource], *, has_canary: bool
    ) -> aws.lb.ListenerRule:
        """Create the listener rule; weights that ECS has moved are left alone."""
        ignored = ["actions"] if has_canary and self._section.canary else None
        options = pulumi.ResourceOptions(parent=self, depends_on=after, ignore_changes=ignored)
        return targets.route(self._name, self._section, groups, self._placement.listener_arn, options)

    def _alarms(self, groups: Sequence[aws.lb.TargetGroup]) -> aws.ecs.ServiceAlarmsArgs | None:
        section = self._section.rollback_alarm
        if section is None:
            return None
        balancer = self._placement.balancer_metric_name
        return rollback_alarm.create(
            self._name, section, balancer=balancer, targets=[one.arn_suffix for one in groups], opts=self._child
        )

    def _service(
        self,
        group: aws.ec2.SecurityGroup,
        target: aws.ecs.ServiceLoadBalancerArgs,
        task_definition_arn: pulumi.Input[str],
        capacity: capacities.Capacity,
        deployment: Deployment,
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
            deployment_circuit_breaker=deployment.circuit_breaker,
            deployment_configuration=deployment.configuration,
            alarms=deployment.alarms,
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
