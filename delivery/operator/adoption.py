"""The resources that AWS created for an interrupted `up`, found for each creation that Pulumi noted in its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from delivery.aws.clients import code
from delivery.operator import tagged
from delivery.operator.removal import GONE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from delivery.aws.clients import Clients
    from delivery.console import Say
    from delivery.operator.removal import Found

    Inputs = Mapping[str, Any]


class Match(NamedTuple):
    """The kind of resources with tags that a creation made one of, and the inputs that the description must have."""

    kind: str
    same: Mapping[str, str]
    """Keys of AWS's description and of Pulumi's inputs."""


TAGGED = {
    "aws:cloudwatch/logGroup:LogGroup": Match("log group", {"logGroupName": "name"}),
    "aws:ec2/eip:Eip": Match("address", {}),
    "aws:ec2/flowLog:FlowLog": Match("flow log", {"ResourceId": "vpcId"}),
    "aws:ec2/internetGateway:InternetGateway": Match("internet gateway", {}),
    "aws:ec2/natGateway:NatGateway": Match("NAT gateway", {"SubnetId": "subnetId"}),
    "aws:ec2/routeTable:RouteTable": Match("route table", {"VpcId": "vpcId"}),
    "aws:ec2/securityGroup:SecurityGroup": Match("security group", {"VpcId": "vpcId", "GroupName": "name"}),
    "aws:ec2/subnet:Subnet": Match("subnet", {"VpcId": "vpcId", "CidrBlock": "cidrBlock"}),
    "aws:ec2/vpc:Vpc": Match("VPC", {"CidrBlock": "cidrBlock"}),
    "aws:ecs/cluster:Cluster": Match("cluster", {"clusterName": "name"}),
    "aws:ecs/service:Service": Match("service", {"serviceName": "name"}),
    "aws:iam/role:Role": Match("role", {"RoleName": "name"}),
    "aws:lb/loadBalancer:LoadBalancer": Match("load balancer", {"LoadBalancerName": "name"}),
    "aws:lb/targetGroup:TargetGroup": Match("target group", {"TargetGroupName": "name"}),
    "aws:rds/instance:Instance": Match("database", {"DBInstanceIdentifier": "identifier"}),
    "aws:rds/subnetGroup:SubnetGroup": Match("database subnet group", {"DBSubnetGroupName": "name"}),
    "aws:ssm/parameter:Parameter": Match("parameter", {"Name": "name"}),
}
NAMED = {
    "aws:cloudwatch/metricAlarm:MetricAlarm": "name",
    "aws:codebuild/project:Project": "name",
    "aws:codepipeline/pipeline:Pipeline": "name",
    "aws:ecr/repository:Repository": "name",
    "aws:s3/bucket:Bucket": "bucket",
}
"""The input that is the ID; whether there is such a resource, `pulumi refresh` finds out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Adoption:
    """Finds what AWS created.

    `listed` is what carries the stack's tags, `known` what Pulumi's state has of it.
    """

    clients: Clients
    listed: Found
    known: Collection[str]
    say: Say

    def ids(self, creations: Collection[Mapping[str, Any]]) -> dict[str, str]:
        """Return the IDs of the creations that AWS carried out, by URN; each resource is taken once."""
        found: dict[str, str] = {}
        for one in creations:
            taken = {*self.known, *found.values()}
            if identifier := self._id(one["type"], one.get("inputs") or {}, taken):
                found[one["urn"]] = identifier
        return found

    def _id(self, kind: str, inputs: Inputs, taken: Collection[str]) -> str | None:
        if match := TAGGED.get(kind):
            return self._tagged(match, inputs, taken)
        if key := NAMED.get(kind):
            return None if inputs[key] in taken else str(inputs[key])
        look = LOOKED_UP.get(kind)
        try:
            return next((one for one in look(self.clients, inputs) if one not in taken), None) if look else None
        except ClientError as error:
            if GONE.search(code(error)):  # with what it belongs to
                return None
            raise

    def _tagged(self, match: Match, inputs: Inputs, taken: Collection[str]) -> str | None:
        for kind, left in self.listed:
            same = all(left.row.get(theirs) == inputs.get(ours) for theirs, ours in match.same.items())
            if kind.title == match.kind and same and left.name not in taken and not left.going:
                if kind.title == "database":
                    self._wait(left.name)
                cluster = left.row["clusterArn"].rpartition("/")[2] if kind.title == "service" else ""
                return f"{cluster}/{left.name}" if cluster else left.name
        return None

    def _wait(self, database: str) -> None:
        """Wait until a database has an address, which others need."""
        self.say(f"waiting for database {database} to become available")
        waiter = self.clients("rds").get_waiter("db_instance_available")
        waiter.wait(DBInstanceIdentifier=database, WaiterConfig={"Delay": 5, "MaxAttempts": 720})


def _listeners(clients: Clients, inputs: Inputs) -> Iterator[str]:
    asked = {"LoadBalancerArn": inputs["loadBalancerArn"]}
    for row in tagged.rows(clients("elbv2"), "describe_listeners", "Listeners", **asked):
        if row["Port"] == inputs["port"]:
            yield row["ListenerArn"]


def _rules(clients: Clients, inputs: Inputs) -> Iterator[str]:
    asked = {"ListenerArn": inputs["listenerArn"]}
    for row in tagged.rows(clients("elbv2"), "describe_rules", "Rules", **asked):
        if row["Priority"] == str(inputs["priority"]):
            yield row["RuleArn"]


def _associations(clients: Clients, inputs: Inputs) -> Iterator[str]:
    subnet, table = inputs["subnetId"], inputs["routeTableId"]
    asked = {"Filters": [{"Name": "association.subnet-id", "Values": [subnet]}]}
    for row in tagged.rows(clients("ec2"), "describe_route_tables", "RouteTables", **asked):
        if row["RouteTableId"] == table:
            yield f"{subnet}/{table}"


def _role_policies(clients: Clients, inputs: Inputs) -> Iterator[str]:
    role, name = inputs["role"], inputs["name"]
    clients("iam").get_role_policy(RoleName=role, PolicyName=name)
    yield f"{role}:{name}"


def _group_rules(*, egress: bool) -> Callable[[Clients, Inputs], Iterator[str]]:
    def look(clients: Clients, inputs: Inputs) -> Iterator[str]:
        asked = {"Filters": [{"Name": "group-id", "Values": [inputs["securityGroupId"]]}]}
        for row in tagged.rows(clients("ec2"), "describe_security_group_rules", "SecurityGroupRules", **asked):
            other = row.get("ReferencedGroupInfo", {}).get("GroupId")
            told = (row["IpProtocol"], row.get("CidrIpv4"), other)
            same = told == (inputs["ipProtocol"], inputs.get("cidrIpv4"), inputs.get("referencedSecurityGroupId"))
            ports = inputs["ipProtocol"] == "-1" or (row["FromPort"], row["ToPort"]) == (
                inputs["fromPort"],
                inputs["toPort"],
            )
            if row["IsEgress"] == egress and same and ports:
                yield row["SecurityGroupRuleId"]

    return look


LOOKED_UP: Mapping[str, Callable[[Clients, Inputs], Iterator[str]]] = {
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _associations,
    "aws:iam/rolePolicy:RolePolicy": _role_policies,
    "aws:lb/listener:Listener": _listeners,
    "aws:lb/listenerRule:ListenerRule": _rules,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _group_rules(egress=True),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _group_rules(egress=False),
}
