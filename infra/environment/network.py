"""The VPC and its subnets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra.aws import subnets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.config.environment import Network as Section

ANYWHERE = "0.0.0.0/0"


class Network(pulumi.ComponentResource):
    """A VPC over several availability zones; its subnet outputs resolve after their routes exist.

    - public subnets with a route to the internet gateway, for the load balancer
    - private subnets with a route to a NAT gateway, for the tasks, if configured; otherwise tasks use the public ones
    - database subnets without a route to the internet
    - the VPC's default security group without rules, so that nothing that names no group of its own can connect

    Args:
        name: of the environment.
        section: `slipway:environment.network`.
        zones: names of the availability zones of its subnets, in their order.
    """

    vpc_id: pulumi.Output[str]
    public_subnet_ids: pulumi.Output[list[str]]
    task_subnet_ids: pulumi.Output[list[str]]
    database_subnet_ids: pulumi.Output[list[str]]

    def __init__(
        self,
        name: str,
        section: Section,
        *,
        zones: Sequence[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("slipway:infra:Network", name, None, opts)
        self._name, self._section = name, section
        self._zones = zones
        self._child = pulumi.ResourceOptions(parent=self)
        plan = subnets.plan(section.cidr, len(zones))
        self._vpc = aws.ec2.Vpc(
            name, cidr_block=section.cidr, enable_dns_hostnames=True, tags={"Name": name}, opts=self._child
        )
        aws.ec2.DefaultSecurityGroup(name, vpc_id=self._vpc.id, tags={"Name": f"{name}-default"}, opts=self._child)
        gateway = aws.ec2.InternetGateway(name, vpc_id=self._vpc.id, tags={"Name": name}, opts=self._child)
        public_routes = self._route_table("public", {"gateway_id": gateway.id})
        public = self._subnets("public", plan.public)
        self.vpc_id = self._vpc.id
        self.public_subnet_ids = self._associate("public", public, [public_routes] * len(public))
        self.task_subnet_ids = self._private(plan.private) if section.private_subnets else self.public_subnet_ids
        database = self._subnets("database", plan.database)
        self.database_subnet_ids = pulumi.Output.all(*(subnet.id for subnet in database))
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "public_subnet_ids": self.public_subnet_ids,
                "task_subnet_ids": self.task_subnet_ids,
                "database_subnet_ids": self.database_subnet_ids,
            }
        )

    def _subnets(self, tier: str, cidrs: Sequence[str]) -> list[aws.ec2.Subnet]:
        """Create one subnet per zone."""
        return [
            aws.ec2.Subnet(
                f"{self._name}-{tier}-{index}",
                vpc_id=self._vpc.id,
                cidr_block=cidr,
                availability_zone=zone,
                tags={"Name": f"{self._name}-{tier}-{index}"},
                opts=self._child,
            )
            for index, (zone, cidr) in enumerate(zip(self._zones, cidrs, strict=True))
        ]

    def _route_table(self, tier: str, target: dict[str, pulumi.Input[str]]) -> aws.ec2.RouteTable:
        """Create a route table; its default route has the target, such as `{"gateway_id": ID}`."""
        name = f"{self._name}-{tier}"
        return aws.ec2.RouteTable(
            name,
            vpc_id=self._vpc.id,
            routes=[aws.ec2.RouteTableRouteArgs(cidr_block=ANYWHERE, **target)],
            tags={"Name": name},
            opts=self._child,
        )

    def _associate(
        self, tier: str, tier_subnets: Sequence[aws.ec2.Subnet], tables: Sequence[aws.ec2.RouteTable]
    ) -> pulumi.Output[list[str]]:
        """Associate subnets with route tables; return their IDs, whose dependents are destroyed before the routes."""
        associations = [
            aws.ec2.RouteTableAssociation(
                f"{self._name}-{tier}-{index}", subnet_id=subnet.id, route_table_id=table.id, opts=self._child
            )
            for index, (subnet, table) in enumerate(zip(tier_subnets, tables, strict=True))
        ]
        return pulumi.Output.all(*(association.subnet_id for association in associations))

    def _private(self, cidrs: Sequence[str]) -> pulumi.Output[list[str]]:
        """Create the private subnets with one NAT gateway for all, or one per zone; return the subnet IDs."""
        gateways = []
        for index in range(len(cidrs) if self._section.nat_per_zone else 1):
            name = f"{self._name}-nat-{index}"
            address = aws.ec2.Eip(name, domain="vpc", tags={"Name": name}, opts=self._child)
            gateways.append(
                aws.ec2.NatGateway(
                    name,
                    allocation_id=address.id,
                    subnet_id=self.public_subnet_ids[index],
                    tags={"Name": name},
                    opts=self._child,
                )
            )
        tables = [
            self._route_table(f"private-{index}", {"nat_gateway_id": nat.id}) for index, nat in enumerate(gateways)
        ]
        private = self._subnets("private", cidrs)
        return self._associate("private", private, [tables[index % len(tables)] for index in range(len(private))])
