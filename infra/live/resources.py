"""The resources of an environment that stands, as AWS describes them: what the records do not hold."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import pulumi
from botocore.exceptions import BotoCoreError, ClientError

from contract import containers
from contract.names import PULUMI_SUFFIX, of_service
from infra.aws import names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from infra.clients import Clients

MAX_SERVICES = 10  # ECS DescribeServices, services.


@dataclass(frozen=True, kw_only=True, slots=True)
class Database:
    """The RDS instance; `storage` is in GiB."""

    identifier: str
    name: str
    user: str
    engine_version: str
    storage: int
    deletion_protection: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """What a service runs now.

    `port` is that of its load balancer, 0 if it has none. `providers` are its capacity providers, none if it has a
    launch type; `rule` is the ARN of its listener rule, None
    if it has none; `image` is `<registry>/<repository>@sha256:...`. `health_path` and `health_status` are those of its
    target group, None if that is gone.
    """

    health_path: str | None
    health_status: str | None
    uses_database: bool
    providers: frozenset[str]
    rule: str | None
    image: str = ""
    port: int = 0
    canary: bool = False
    serving: frozenset[str] = frozenset()
    deploying: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """The resources that stand: address range of the VPC, database and, by name, services.

    `zones` are the availability zones of the public subnets, in their order. `priorities` are those of all rules of the
    services' listeners, by the rule's ARN.
    """

    cidr: str | None = None
    zones: Sequence[str] = ()
    database: Database | None = None
    services: Mapping[str, Running] = field(default_factory=dict)
    priorities: Mapping[str, int] = field(default_factory=dict)


def read(clients: Clients, stack: str, recorded: Collection[str]) -> Resources | None:
    """Return the resources that stand, None if they cannot be read in a preview.

    Args:
        clients: AWS clients by service.
        stack: the stack's name.
        recorded: its services that have been stable.

    Raises:
        pulumi.RunError: they cannot be read, and this is not a preview.
    """
    if not recorded:
        return Resources()
    try:
        return _read(clients, stack, recorded)
    except (ClientError, BotoCoreError) as error:
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(f"the resources of stack {stack} cannot be read: {error}") from error
        pulumi.log.warn(f"the resources that stand cannot be read, so changes are not checked against them: {error}")
        return None


def _read(clients: Clients, stack: str, recorded: Collection[str]) -> Resources:
    services = dict(_ecs_services(clients, stack, recorded))
    groups = {name: group for name, one in services.items() if (group := _target_group(clients, one))}
    balancers = {arn for group in groups.values() for arn in group["LoadBalancerArns"]}
    rules = [rule for arn in sorted(balancers) for rule in _rules(clients, arn)]
    routes = {target: rule for rule in rules if _is_route(rule) for target in _weights(rule)}
    vpc = next((group["VpcId"] for group in groups.values()), None)
    return Resources(
        cidr=clients("ec2").describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["CidrBlock"] if vpc else None,
        zones=_zones(clients, stack, vpc) if vpc else (),
        database=_database(clients, stack, vpc),
        services={name: _running(clients, one, groups.get(name), routes) for name, one in services.items()},
        priorities={rule["RuleArn"]: int(rule["Priority"]) for rule in rules},
    )


def _zones(clients: Clients, stack: str, vpc: str) -> tuple[str, ...]:
    """Return the zones of the public subnets in the order of their names, `STACK-public-INDEX`, up to a gap."""
    filters = [{"Name": "vpc-id", "Values": [vpc]}]
    found = {}
    try:
        pages = list(clients("ec2").get_paginator("describe_subnets").paginate(Filters=filters))
    except ClientError:
        if not pulumi.runtime.is_dry_run():
            raise
        return ()  # a preview role of before may read the rest
    for page in pages:
        for one in page["Subnets"]:
            name = next((tag["Value"] for tag in one.get("Tags", []) if tag["Key"] == "Name"), "")
            found[name] = one["AvailabilityZone"]
    return tuple(takewhile(bool, (found.get(f"{stack}-public-{index}", "") for index in range(len(found)))))


def _ecs_services(clients: Clients, stack: str, recorded: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the ECS services that are ACTIVE."""
    by_ecs_name = {of_service(stack, name): name for name in sorted(recorded)}
    ordered = list(by_ecs_name)
    for start in range(0, len(ordered), MAX_SERVICES):
        batch = ordered[start : start + MAX_SERVICES]
        try:
            found = clients("ecs").describe_services(cluster=names.cluster(stack), services=batch)["services"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ClusterNotFoundException":
                raise
            return
        yield from ((by_ecs_name[one["serviceName"]], one) for one in found if one["status"] == "ACTIVE")


def _target_group(clients: Clients, service: dict[str, Any]) -> dict[str, Any] | None:
    """Return the target group of an ECS service, None if somebody deleted it."""
    arns = [one["targetGroupArn"] for one in service["loadBalancers"]]
    try:
        found: list[dict[str, Any]] = clients("elbv2").describe_target_groups(TargetGroupArns=arns)["TargetGroups"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("TargetGroupNotFound", "TargetGroupNotFoundException"):
            raise
        return None
    return found[0]


def _rules(clients: Clients, balancer: str) -> Iterator[dict[str, Any]]:
    """Yield the rules of a load balancer's listeners, without the default ones."""
    client = clients("elbv2")
    for page in client.get_paginator("describe_listeners").paginate(LoadBalancerArn=balancer):
        for listener in page["Listeners"]:
            for rules in client.get_paginator("describe_rules").paginate(ListenerArn=listener["ListenerArn"]):
                yield from (rule for rule in rules["Rules"] if not rule["IsDefault"])


def _database(clients: Clients, stack: str, vpc: str | None) -> Database | None:
    """Return the instance in the VPC whose identifier Pulumi made of the stack's name, unless it is being deleted."""
    autonamed = re.compile(rf"{re.escape(stack)}-[0-9a-f]{{{PULUMI_SUFFIX - 1}}}")
    for page in clients("rds").get_paginator("describe_db_instances").paginate():
        for one in page["DBInstances"]:
            if one["DBInstanceStatus"] == "deleting":
                continue
            if one["DBSubnetGroup"]["VpcId"] == vpc and autonamed.fullmatch(one["DBInstanceIdentifier"]):
                return Database(
                    identifier=one["DBInstanceIdentifier"],
                    name=one["DBName"],
                    user=one["MasterUsername"],
                    engine_version=one["EngineVersion"],
                    storage=one["AllocatedStorage"],
                    deletion_protection=one["DeletionProtection"],
                )
    return None


def _running(
    clients: Clients, service: dict[str, Any], group: dict[str, Any] | None, routes: Mapping[str, dict[str, Any]]
) -> Running:
    """Return what an ECS service runs; `routes` are the listener rules by target group."""
    rule = routes.get(group["TargetGroupArn"]) if group else None
    definition = clients("ecs").describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    return Running(
        health_path=group["HealthCheckPath"] if group else None,
        health_status=group["Matcher"]["HttpCode"] if group else None,
        uses_database=any(
            variable["name"] == containers.DATABASE_HOST
            for container in definition["containerDefinitions"]
            for variable in container.get("environment", [])
        ),
        providers=frozenset(one["capacityProvider"] for one in service.get("capacityProviderStrategy", [])),
        rule=rule["RuleArn"] if rule else None,
        image=next((one["image"] for one in definition["containerDefinitions"] if "image" in one), ""),
        port=next((one["containerPort"] for one in service["loadBalancers"] if "containerPort" in one), 0),
        canary=service.get("deploymentConfiguration", {}).get("strategy") == "CANARY",
        serving=frozenset(target for target, weight in _weights(rule).items() if weight) if rule else frozenset(),
        deploying=len(service.get("deployments", ())) > 1,
    )


def _weights(rule: dict[str, Any]) -> dict[str, int]:
    """Return the weights of the target groups that a listener rule forwards to, by ARN; none if it does not forward."""
    action: dict[str, Any] = next((one for one in rule["Actions"] if one["Type"] == "forward"), {})
    groups = action.get("ForwardConfig", {}).get("TargetGroups", [])
    if groups:
        return {group["TargetGroupArn"]: int(group.get("Weight", 1)) for group in groups}
    return {action["TargetGroupArn"]: 1} if "TargetGroupArn" in action else {}


def _is_route(rule: dict[str, Any]) -> bool:
    """Return whether a rule routes by path: one that only attaches a target group has another condition."""
    return any(condition["Field"] == "path-pattern" for condition in rule["Conditions"])
