"""Resources that carry a stack's tags though the stack uses others: an `up` that was killed left them.

What the stack uses follows from its records: target groups, their load balancer and VPC; the address of the database
from the variables of the templates; NAT gateways from the routes of the VPC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from delivery.deploying import revisions
from delivery.operator import leftovers, tagged
from delivery.operator.findings import OK, UNKNOWN, WARN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from delivery.aws.clients import Clients
    from delivery.environment import Environment
    from delivery.operator.findings import Findings
    from delivery.operator.leftovers import Kind
    from delivery.operator.tagged import Left


@dataclass(frozen=True, kw_only=True, slots=True)
class Twice:
    """Finds what stands twice of a stack that is up."""

    clients: Clients
    environment: Environment

    def findings(self) -> Findings:
        """Yield a finding for each resource that the stack does not use."""
        balancers, vpcs = self._balancers()
        if not balancers:
            yield UNKNOWN, "no service is behind a load balancer, so what the stack uses is not known"
            return
        unused = [*self._without(leftovers.LOAD_BALANCER, balancers), *self._without(leftovers.VPC, vpcs)]
        unused += self._without(leftovers.NAT, self._gateways(vpcs))
        databases = list(leftovers.DATABASE.find(self.clients, self.environment.stack))
        used = self._databases(databases)
        unclear = len(databases) > 1 and not used
        if unclear:
            names = ", ".join(one.name for one in databases)
            yield UNKNOWN, f"which of the databases {names} is the stack's: no service uses one"
        elif used:
            unused += [(leftovers.DATABASE, one) for one in databases if one.name not in used]
        for kind, left in unused:
            yield WARN, self._told(kind, left)
        if not (unused or unclear):
            yield OK, "one load balancer, one network and one database at most carry the stack's tags"

    def _told(self, kind: Kind, left: Left) -> str:
        stack = self.environment.stack
        return (
            f"{kind.title} {left.name} carries the tags of {stack}, which uses another: an interrupted `up` left it, "
            f"AWS may bill it, and `destroy` does not delete it; to remove what is in no state of Pulumi's: "
            f"delivery clean --stack {stack} --unknown"
        )

    def _without(self, kind: Kind, used: set[str]) -> Iterator[tuple[Kind, Left]]:
        for left in kind.find(self.clients, self.environment.stack):
            if left.name not in used and not left.going:
                yield kind, left

    def _balancers(self) -> tuple[set[str], set[str]]:
        """Return the load balancers and VPCs of the services' target groups."""
        arns = [service.target_group for service in self.environment.services]
        if not arns:  # AWS would take that for all
            return set(), set()
        groups = self.clients("elbv2").describe_target_groups(TargetGroupArns=arns)["TargetGroups"]
        return {arn for one in groups for arn in one["LoadBalancerArns"]}, {one["VpcId"] for one in groups}

    def _gateways(self, vpcs: set[str]) -> set[str]:
        """Return the NAT gateways that routes of the VPCs lead to."""
        asked = [{"Name": "vpc-id", "Values": sorted(vpcs)}]
        tables = tagged.rows(self.clients("ec2"), "describe_route_tables", "RouteTables", Filters=asked)
        return {route.get("NatGatewayId", "") for table in tables for route in table["Routes"]}

    def _databases(self, databases: list[Left]) -> set[str]:
        """Return the databases whose address a variable of a service's template has, alone or in a URL."""
        ecs, values = self.clients("ecs"), list[str]()
        for service in self.environment.services:
            template = revisions.read(ecs, service.template_family, service.container or service.name)
            values += template.variables.values()
        addresses = {one.name: one.row.get("Endpoint", {}).get("Address") for one in databases}
        return {name for name, address in addresses.items() if address and any(address in value for value in values)}
