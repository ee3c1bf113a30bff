"""Resources in the account by a stack's tags, whether Pulumi knows them or not: one finder for each kind.

Tags are looked at here even where AWS filters by them, so that nothing is named that does not carry both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from contract.names import ENVIRONMENT_TAG, PROJECT, PROJECT_TAG, parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from delivery.aws.clients import Clients

    Row: TypeAlias = Mapping[str, Any]
    Find: TypeAlias = Callable[[Clients, str], Iterator["Left"]]

TAGS_AT_ONCE = 20  # ELBv2 DescribeTags, ResourceArns
NAMED_AT_ONCE = 10  # ECS DescribeServices, services
CLUSTERS_AT_ONCE = 100  # ECS DescribeClusters, clusters
FILTER = ("describe_flow_logs", "describe_nat_gateways")
"""EC2's listings whose filters are called so in the singular."""
DEFAULT_GROUP = "default"
"""The name that AWS reserves for the security group that each VPC is created with."""
PROTECTION = "deletion_protection.enabled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """A resource that is left: its identifier and AWS's description of it.

    `protected`: AWS refuses to delete it as long as its deletion protection is on. `going`: its deletion has begun.
    """

    name: str
    row: Row = field(default_factory=dict)
    protected: bool = False
    going: bool = False


def is_of(stack: str, tags: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether tags, in any service's notation, are those of a stack's resources."""
    held = {tag.get("Key", tag.get("key")): tag.get("Value", tag.get("value")) for tag in tags}
    return held.get(PROJECT_TAG) == PROJECT and held.get(ENVIRONMENT_TAG) == stack


def rows(client: Any, operation: str, member: str, **asked: object) -> Iterator[Any]:  # noqa: ANN401 - any service's client
    """Yield the items of a listing, over all pages."""
    for page in client.get_paginator(operation).paginate(**asked):
        yield from page[member]


def in_groups(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield items in lists of at most so many."""
    each = iter(items)
    while some := list(islice(each, size)):
        yield some


def in_network(operation: str, member: str, key: str, state: str = "State") -> Find:
    """Return a finder of EC2's resources; addresses are not paginated, and NAT gateways stay listed for an hour."""

    def find(clients: Clients, stack: str) -> Iterator[Left]:
        ec2, tag = clients("ec2"), {"Name": f"tag:{ENVIRONMENT_TAG}", "Values": [stack]}
        asked = {"Filter" if operation in FILTER else "Filters": [tag]}
        paged = ec2.can_paginate(operation)
        for row in rows(ec2, operation, member, **asked) if paged else getattr(ec2, operation)(**asked)[member]:
            if row.get(state) != "deleted" and is_of(stack, row.get("Tags", [])):
                yield Left(name=row[key], row=row, going=row.get(state) == "deleting")

    return find


def security_groups(clients: Clients, stack: str) -> Iterator[Left]:
    """Yield the stack's security groups but the VPC's default one, which AWS deletes with the VPC and not before."""
    for left in in_network("describe_security_groups", "SecurityGroups", "GroupId")(clients, stack):
        if left.row["GroupName"] != DEFAULT_GROUP:
            yield left


def services(clients: Clients, stack: str) -> Iterator[Left]:
    """Yield the services of the stack's clusters."""
    ecs = clients("ecs")
    for cluster in clusters(clients, stack):
        for names in in_groups(rows(ecs, "list_services", "serviceArns", cluster=cluster.name), NAMED_AT_ONCE):
            for row in ecs.describe_services(cluster=cluster.name, services=names)["services"]:
                if row["status"] != "INACTIVE":
                    yield Left(name=row["serviceName"], row=row, going=row["status"] == "DRAINING")


def clusters(clients: Clients, stack: str) -> Iterator[Left]:
    """Yield the stack's clusters."""
    ecs = clients("ecs")
    for arns in in_groups(rows(ecs, "list_clusters", "clusterArns"), CLUSTERS_AT_ONCE):
        for row in ecs.describe_clusters(clusters=arns, include=["TAGS"])["clusters"]:
            if row["status"] != "INACTIVE" and is_of(stack, row.get("tags", [])):
                yield Left(name=row["clusterName"], row=row)


def load_balancers(clients: Clients, stack: str) -> Iterator[Left]:
    """Yield the stack's load balancers."""
    client = clients("elbv2")
    for row in _balanced(clients, stack, "describe_load_balancers", "LoadBalancers", "LoadBalancerArn"):
        told = client.describe_load_balancer_attributes(LoadBalancerArn=row["LoadBalancerArn"])["Attributes"]
        protected = {"Key": PROTECTION, "Value": "true"} in told
        yield Left(name=row["LoadBalancerArn"], row=row, protected=protected)


def target_groups(clients: Clients, stack: str) -> Iterator[Left]:
    """Yield the stack's target groups."""
    for row in _balanced(clients, stack, "describe_target_groups", "TargetGroups", "TargetGroupArn"):
        yield Left(name=row["TargetGroupArn"], row=row)


def _balanced(clients: Clients, stack: str, operation: str, member: str, key: str) -> Iterator[Row]:
    """Yield descriptions of ELBv2, whose tags are asked for separately."""
    client = clients("elbv2")
    for some in in_groups(rows(client, operation, member), TAGS_AT_ONCE):
        told = client.describe_tags(ResourceArns=[row[key] for row in some])["TagDescriptions"]
        ours = {one["ResourceArn"] for one in told if is_of(stack, one.get("Tags", []))}
        yield from (row for row in some if row[key] in ours)


def databases(clients: Clients, stack: str) -> Iterator[Left]:
    """Yield the stack's RDS instances."""
    for row in rows(clients("rds"), "describe_db_instances", "DBInstances"):
        if is_of(stack, row.get("TagList", [])):
            yield Left(
                name=row["DBInstanceIdentifier"],
                row=row,
                protected=row.get("DeletionProtection", False),
                going=row["DBInstanceStatus"] == "deleting",
            )


def subnet_groups(clients: Clients, stack: str) -> Iterator[Left]:
    """Yield the stack's groups of subnets for RDS."""
    rds = clients("rds")
    for row in rows(rds, "describe_db_subnet_groups", "DBSubnetGroups"):
        if is_of(stack, rds.list_tags_for_resource(ResourceName=row["DBSubnetGroupArn"])["TagList"]):
            yield Left(name=row["DBSubnetGroupName"], row=row)


def roles(clients: Clients, stack: str) -> Iterator[Left]:
    """Yield the stack's roles: by path or name first, as ListRoles does not tell tags."""
    iam = clients("iam")
    for row in rows(iam, "list_roles", "Roles"):
        near = row["Path"].startswith(f"{parameters(stack)}/") or f"-{stack}-" in f"-{row['RoleName']}"
        if near and is_of(stack, iam.list_role_tags(RoleName=row["RoleName"])["Tags"]):
            yield Left(name=row["RoleName"], row=row)


def log_groups(clients: Clients, stack: str) -> Iterator[Left]:
    """Yield the log groups of the stack's services and builds."""
    logs = clients("logs")
    for row in rows(logs, "describe_log_groups", "logGroups", logGroupNamePrefix=f"{parameters(stack)}/"):
        tags = logs.list_tags_for_resource(resourceArn=row["arn"].removesuffix(":*"))["tags"]
        if is_of(stack, [{"Key": key, "Value": value} for key, value in tags.items()]):
            yield Left(name=row["logGroupName"], row=row)


def empty_repositories(clients: Clients, stack: str) -> Iterator[Left]:
    """Yield the stack's image repositories that hold no image."""
    ecr = clients("ecr")
    for row in rows(ecr, "describe_repositories", "repositories"):
        name, held = row["repositoryName"], row["repositoryArn"]
        near = name.startswith(f"{PROJECT}/")
        if near and is_of(stack, ecr.list_tags_for_resource(resourceArn=held)["tags"]):
            images = ecr.list_images(repositoryName=name).get("imageIds")
            if not images:
                yield Left(name=name, row=row)


def records(clients: Clients, stack: str) -> Iterator[Left]:
    """Yield the parameters that the stack recorded facts in."""
    ssm = clients("ssm")
    for row in rows(ssm, "get_parameters_by_path", "Parameters", Path=f"{parameters(stack)}/", Recursive=True):
        tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=row["Name"])["TagList"]
        if is_of(stack, tags):
            yield Left(name=row["Name"], row=row)
