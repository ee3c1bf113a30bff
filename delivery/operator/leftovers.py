"""The kinds of resources that may be left of a stack, in the order in which AWS accepts their deletion.

What has a fixed name cannot be created twice, and what costs nothing without its owner (scaling targets, alarms) is
not here. Nor are image repositories that hold an image, which may be a release, nor secrets: a stack creates none, RDS
deletes that of its instance, and one that is tagged by hand is a user's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from delivery.operator import tagged

if TYPE_CHECKING:
    from collections.abc import Callable

    from delivery.aws.clients import Clients
    from delivery.operator.tagged import Left


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What is allowed: to delete databases without a snapshot, what is protected, and services that run tasks."""

    skip_snapshot: bool = False
    unprotect: bool = False
    running: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource: its name, how it is found, and how one is deleted, which may return what stays of it."""

    title: str
    find: tagged.Find
    delete: Callable[[Clients, Left, Options], str | None]


def _service(clients: Clients, left: Left, _: Options) -> None:
    clients("ecs").delete_service(cluster=left.row["clusterArn"], service=left.name, force=True)


def _cluster(clients: Clients, left: Left, _: Options) -> None:
    clients("ecs").delete_cluster(cluster=left.name)


def _load_balancer(clients: Clients, left: Left, options: Options) -> None:
    client = clients("elbv2")
    if left.protected and options.unprotect:
        client.modify_load_balancer_attributes(
            LoadBalancerArn=left.name, Attributes=[{"Key": tagged.PROTECTION, "Value": "false"}]
        )
    client.delete_load_balancer(LoadBalancerArn=left.name)  # with its listeners and their rules


def _target_group(clients: Clients, left: Left, _: Options) -> None:
    clients("elbv2").delete_target_group(TargetGroupArn=left.name)


def _database(clients: Clients, left: Left, options: Options) -> str:
    rds = clients("rds")
    if left.protected and options.unprotect:
        rds.modify_db_instance(DBInstanceIdentifier=left.name, DeletionProtection=False, ApplyImmediately=True)
    if options.skip_snapshot:
        rds.delete_db_instance(DBInstanceIdentifier=left.name, SkipFinalSnapshot=True)
        return ""
    snapshot = f"{left.name}-left-{datetime.now(UTC):%Y%m%d%H%M%S}"
    rds.delete_db_instance(DBInstanceIdentifier=left.name, FinalDBSnapshotIdentifier=snapshot)
    return f"its last snapshot stays: {snapshot}"


def _subnet_group(clients: Clients, left: Left, _: Options) -> None:
    clients("rds").delete_db_subnet_group(DBSubnetGroupName=left.name)


def _internet_gateway(clients: Clients, left: Left, _: Options) -> None:
    ec2 = clients("ec2")
    for attached in left.row["Attachments"]:
        ec2.detach_internet_gateway(InternetGatewayId=left.name, VpcId=attached["VpcId"])
    ec2.delete_internet_gateway(InternetGatewayId=left.name)


def _security_group(clients: Clients, left: Left, _: Options) -> None:
    """Delete a group; its rules first, as groups that name one another hold one another."""
    ec2 = clients("ec2")
    if allowed := left.row.get("IpPermissions"):
        ec2.revoke_security_group_ingress(GroupId=left.name, IpPermissions=allowed)
    if allowed := left.row.get("IpPermissionsEgress"):
        ec2.revoke_security_group_egress(GroupId=left.name, IpPermissions=allowed)
    ec2.delete_security_group(GroupId=left.name)


def _flow_log(clients: Clients, left: Left, _: Options) -> None:
    clients("ec2").delete_flow_logs(FlowLogIds=[left.name])


def _role(clients: Clients, left: Left, _: Options) -> None:
    iam = clients("iam")
    for policy in tagged.rows(iam, "list_role_policies", "PolicyNames", RoleName=left.name):
        iam.delete_role_policy(RoleName=left.name, PolicyName=policy)
    for attached in tagged.rows(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=left.name):
        iam.detach_role_policy(RoleName=left.name, PolicyArn=attached["PolicyArn"])
    iam.delete_role(RoleName=left.name)


def _log_group(clients: Clients, left: Left, _: Options) -> None:
    clients("logs").delete_log_group(logGroupName=left.name)


def _record(clients: Clients, left: Left, _: Options) -> None:
    clients("ssm").delete_parameter(Name=left.name)


def _repository(clients: Clients, left: Left, _: Options) -> None:
    clients("ecr").delete_repository(repositoryName=left.name)  # AWS refuses it once an image is in it


def _of_network(title: str, listing: str, member: str, key: str, deletion: str) -> Kind:
    """Return a kind of EC2's that one call deletes."""

    def delete(clients: Clients, left: Left, _: Options) -> None:
        getattr(clients("ec2"), deletion)(**{key: left.name})

    return Kind(title, tagged.in_network(listing, member, key), delete)


SERVICE = Kind("service", tagged.services, _service)
DATABASE = Kind("database", tagged.databases, _database)
ROLE = Kind("role", tagged.roles, _role)
LOAD_BALANCER = Kind("load balancer", tagged.load_balancers, _load_balancer)
NAT = _of_network("NAT gateway", "describe_nat_gateways", "NatGateways", "NatGatewayId", "delete_nat_gateway")
VPC = _of_network("VPC", "describe_vpcs", "Vpcs", "VpcId", "delete_vpc")
KINDS = (
    SERVICE,
    Kind("cluster", tagged.clusters, _cluster),
    LOAD_BALANCER,
    Kind("target group", tagged.target_groups, _target_group),
    DATABASE,
    Kind("database subnet group", tagged.subnet_groups, _subnet_group),
    NAT,
    _of_network("address", "describe_addresses", "Addresses", "AllocationId", "release_address"),
    Kind(
        "internet gateway",
        tagged.in_network("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
        _internet_gateway,
    ),
    Kind("flow log", tagged.in_network("describe_flow_logs", "FlowLogs", "FlowLogId"), _flow_log),
    _of_network("subnet", "describe_subnets", "Subnets", "SubnetId", "delete_subnet"),
    _of_network("route table", "describe_route_tables", "RouteTables", "RouteTableId", "delete_route_table"),
    Kind("security group", tagged.security_groups, _security_group),
    VPC,
    ROLE,
    Kind("log group", tagged.log_groups, _log_group),
    Kind("parameter", tagged.records, _record),
    Kind("empty repository", tagged.empty_repositories, _repository),
)
