"""The security group of a service's tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi_aws as aws

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pulumi


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """The network, cluster and load balancer that an environment's services share."""

    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    public_ip: bool
    cluster_arn: pulumi.Input[str]
    listener_arn: pulumi.Input[str]
    balancer_metric_name: pulumi.Input[str]
    balancer_security_group_id: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseAccess:
    """The database that a service may connect to: its security group and port."""

    security_group_id: pulumi.Input[str]
    port: pulumi.Input[int]


def create(
    name: str, ports: Sequence[int], placement: Placement, database: DatabaseAccess | None, opts: pulumi.ResourceOptions
) -> aws.ec2.SecurityGroup:
    """Create the group: ingress from the load balancer, egress to anywhere (images, AWS APIs).

    Args:
        name: of the service in its environment.
        ports: that releases listen on; one that is still running, or could be rolled back to, may listen on another
            than the next.
        placement: network and load balancer.
        database: the database that the tasks may connect to; None for none.
        opts: of each resource.
    """
    balancer = placement.balancer_security_group_id
    group = aws.ec2.SecurityGroup(name, vpc_id=placement.vpc_id, description="Tasks: from the load balancer", opts=opts)
    aws.vpc.SecurityGroupEgressRule(
        name,
        security_group_id=group.id,
        description="To anywhere: images, AWS APIs, what the service calls",
        cidr_ipv4="0.0.0.0/0",
        ip_protocol="-1",
        opts=opts,
    )
    for port in ports:
        rule = f"{name}-balancer" if port == ports[0] else f"{name}-balancer-{port}"
        _allow_ingress(rule, balancer, group.id, port, "Requests and health checks from the load balancer", opts)
        aws.vpc.SecurityGroupEgressRule(
            rule,
            security_group_id=balancer,
            description=f"Requests and health checks to {name}",
            referenced_security_group_id=group.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            opts=opts,
        )
    if database:
        _allow_ingress(
            f"{name}-database", group.id, database.security_group_id, database.port, f"Connections from {name}", opts
        )
    return group


def _allow_ingress(
    name: str,
    source: pulumi.Input[str],
    target: pulumi.Input[str],
    port: pulumi.Input[int],
    description: str,
    opts: pulumi.ResourceOptions,
) -> None:
    """Allow TCP connections from one security group to a port of another."""
    aws.vpc.SecurityGroupIngressRule(
        name,
        security_group_id=target,
        description=description,
        referenced_security_group_id=source,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        opts=opts,
    )
