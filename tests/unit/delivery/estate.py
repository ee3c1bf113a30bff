"""What lies about in a fake account by tags: a table for each API, and who holds whom from being deleted."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.unit.delivery.aws import ACCOUNT, REGION, Aws, FakeError, pages

if TYPE_CHECKING:
    from collections.abc import Callable

OURS = {"project": "slipway", "environment": "staging"}
NETWORK = {
    "nat_gateways": ("NatGateways", "NatGatewayId"),
    "addresses": ("Addresses", "AllocationId"),
    "internet_gateways": ("InternetGateways", "InternetGatewayId"),
    "flow_logs": ("FlowLogs", "FlowLogId"),
    "subnets": ("Subnets", "SubnetId"),
    "route_tables": ("RouteTables", "RouteTableId"),
    "security_groups": ("SecurityGroups", "GroupId"),
    "vpcs": ("Vpcs", "VpcId"),
}
"""The member and the identifier of EC2's kinds, by the end of their operation's name."""
DELETIONS = {
    "delete_nat_gateway": "nat_gateways", "release_address": "addresses", "delete_subnet": "subnets",
    "delete_internet_gateway": "internet_gateways", "delete_route_table": "route_tables", "delete_vpc": "vpcs",
    "delete_security_group": "security_groups",
}  # fmt: skip


def tags(held: dict[str, str] | None = None) -> list[dict[str, str]]:
    """Return tags as most services write them: by default those of the stack."""
    return [{"Key": key, "Value": value} for key, value in (OURS if held is None else held).items()]


def arn(service: str, name: str) -> str:
    """Return an ARN."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"


@dataclass(kw_only=True)
class Estate:
    """EC2, RDS, Elastic Load Balancing, IAM, Logs, Parameter Store and the clusters of ECS.

    `holders` says by identifier what must be gone before it can be deleted.
    """

    aws: Aws
    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Descriptions by identifier."""
    kinds: dict[str, str] = field(default_factory=dict)
    tagged: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    holders: dict[str, set[str]] = field(default_factory=dict)
    names: tuple[str, ...] = ("ec2", "rds", "elbv2", "iam", "logs", "ssm", "ecs", "ecr")
    lasting: float = 0.0
    """Seconds until a database or a NAT gateway is gone."""

    def __post_init__(self) -> None:
        """Answer for these services."""
        self.aws.services |= dict.fromkeys(self.names, self)

    def add(self, kind: str, name: str, held: dict[str, str] | None = None, **row: Any) -> str:  # noqa: ANN401 - AWS's descriptions
        """Let a thing lie about; returns its name."""
        self.kinds[name], self.things[name], self.tagged[name] = kind, row, tags(held)
        return name

    def of(self, kind: str) -> list[str]:
        """Return the names of a kind's things."""
        return [name for name, own in self.kinds.items() if own == kind]

    def deleted(self) -> list[str]:
        """Return the operations that deleted something, in their order."""
        return [name for name, _ in self.aws.calls if name.startswith(("Delete", "Release"))]

    def gone(self, name: str) -> None:
        """Take a thing away."""
        del self.kinds[name], self.things[name], self.tagged[name]

    def drop(self, kind: str, name: str, code: str = "DependencyViolation") -> dict[str, Any]:
        """Delete a thing that nothing holds any more."""
        if name not in self.of(kind):
            raise AssertionError(f"{name} was deleted twice")
        standing = {one for one, row in self.things.items() if row.get("State") != "deleted"}
        if holders := self.holders.get(name, set()) & standing:
            raise FakeError(code, f"held by {min(holders)}")
        self.gone(name)
        return {}

    def __getattr__(self, name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
        """Answer EC2's listings and deletions, which are all alike."""
        kind = name.removeprefix("describe_")
        if kind in NETWORK and name != kind:
            return lambda params: self._network(kind, params)
        if name in DELETIONS:
            key = NETWORK[DELETIONS[name]][1]
            return lambda params: self._network_drop(DELETIONS[name], params[key])
        raise AttributeError(name)

    def _network(self, kind: str, params: dict[str, Any]) -> dict[str, Any]:
        member, key = NETWORK[kind]
        (asked,) = params.get("Filters") or params["Filter"]
        rows = [{**self.things[one], key: one, "Tags": self.tagged[one]} for one in self.of(kind)]
        wanted = asked["Name"].removeprefix("tag:")
        by_tag = [row for row in rows if {"Key": wanted, "Value": asked["Values"][0]} in row["Tags"]]
        by_vpc = [row for row in rows if row.get("VpcId") in asked["Values"]]
        found = by_vpc if wanted == "vpc-id" else by_tag
        return {member: found} if kind == "addresses" else pages(member, found, params)

    def _network_drop(self, kind: str, name: str) -> dict[str, Any]:
        if kind == "nat_gateways" and self.lasting:
            self.things[name]["State"] = "deleting"
            self.aws.time.at(self.lasting, lambda: self.things[name].update(State="deleted"))
            return {}
        return self.drop(kind, name)

    def delete_flow_logs(self, params: dict[str, Any]) -> dict[str, Any]:
        """Delete one, whatever else stands."""
        (name,) = params["FlowLogIds"]
        return self.drop("flow_logs", name) | {"Unsuccessful": []}

    def detach_internet_gateway(self, params: dict[str, Any]) -> dict[str, Any]:
        """Detach."""
        self.things[params["InternetGatewayId"]]["Attachments"] = []
        return {}

    def revoke_security_group_ingress(self, params: dict[str, Any]) -> dict[str, Any]:
        """Remove rules, and with them what they hold."""
        assert params["IpPermissions"] == self.things[params["GroupId"]].pop("IpPermissions")
        for holders in self.holders.values():
            holders.discard(params["GroupId"])
        return {"Return": True}

    def revoke_security_group_egress(self, params: dict[str, Any]) -> dict[str, Any]:
        """Remove rules to everywhere."""
        assert params["IpPermissions"] == self.things[params["GroupId"]].pop("IpPermissionsEgress")
        return {"Return": True}

    # Elastic Load Balancing

    def describe_load_balancers(self, _: dict[str, Any]) -> dict[str, Any]:
        """Return all."""
        return {"LoadBalancers": [{"LoadBalancerArn": one} for one in self.of("load balancers")]}

    def describe_target_groups(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return all, or some by ARN."""
        asked = params.get("TargetGroupArns") or self.of("target groups")
        return {"TargetGroups": [{"TargetGroupArn": one, **self.things.get(one, {})} for one in asked]}

    def describe_tags(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the tags of at most twenty."""
        assert 0 < len(params["ResourceArns"]) <= 20
        return {"TagDescriptions": [{"ResourceArn": one, "Tags": self.tagged[one]} for one in params["ResourceArns"]]}

    def describe_load_balancer_attributes(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return whether it is protected."""
        value = "true" if self.things[params["LoadBalancerArn"]].get("protected") else "false"
        return {"Attributes": [{"Key": "deletion_protection.enabled", "Value": value}]}

    def modify_load_balancer_attributes(self, params: dict[str, Any]) -> dict[str, Any]:
        """Turn the protection off."""
        assert params["Attributes"] == [{"Key": "deletion_protection.enabled", "Value": "false"}]
        self.things[params["LoadBalancerArn"]]["protected"] = False
        return {}

    def delete_load_balancer(self, params: dict[str, Any]) -> dict[str, Any]:
        """Delete what is not protected."""
        if self.things[params["LoadBalancerArn"]].get("protected"):
            raise FakeError("OperationNotPermitted")
        return self.drop("load balancers", params["LoadBalancerArn"])

    def delete_target_group(self, params: dict[str, Any]) -> dict[str, Any]:
        """Delete what no load balancer has."""
        return self.drop("target groups", params["TargetGroupArn"], "ResourceInUse")

    # RDS

    def describe_db_instances(self, _: dict[str, Any]) -> dict[str, Any]:
        """Return all."""
        rows = [
            {
                "DBInstanceStatus": "available",
                **self.things[one],
                "DBInstanceIdentifier": one,
                "TagList": self.tagged[one],
            }
            for one in self.of("databases")
        ]
        return {"DBInstances": rows}

    def describe_db_subnet_groups(self, _: dict[str, Any]) -> dict[str, Any]:
        """Return all."""
        rows = [{"DBSubnetGroupName": one, "DBSubnetGroupArn": arn("rds", one)} for one in self.of("subnet groups")]
        return {"DBSubnetGroups": rows}

    def modify_db_instance(self, params: dict[str, Any]) -> dict[str, Any]:
        """Turn the protection off."""
        assert params["ApplyImmediately"], "the next maintenance window may be a week away"
        self.things[params["DBInstanceIdentifier"]]["DeletionProtection"] = params["DeletionProtection"]
        return {}

    def delete_db_instance(self, params: dict[str, Any]) -> dict[str, Any]:
        """Delete what is available and not protected; it takes its time."""
        name = params["DBInstanceIdentifier"]
        assert bool(params.get("FinalDBSnapshotIdentifier")) != bool(params.get("SkipFinalSnapshot"))
        held = self.things[name]
        assert not held.get("DeletionProtection"), "AWS refuses this"
        if held.get("DBInstanceStatus", "available") != "available":
            raise FakeError("InvalidDBInstanceState", f"{name} is {held['DBInstanceStatus']}")
        held["DBInstanceStatus"] = "deleting"
        if not self.lasting:
            return self.drop("databases", name)
        self.aws.time.at(self.lasting, partial(self.gone, name))
        return {}

    def delete_db_subnet_group(self, params: dict[str, Any]) -> dict[str, Any]:
        """Delete what no instance is in."""
        return self.drop("subnet groups", params["DBSubnetGroupName"], "InvalidDBSubnetGroupStateFault")

    # IAM

    def list_roles(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return all, a page at a time, without their tags, as AWS does."""
        rows = [
            {
                "Path": "/", **self.things[one], "RoleName": one, "RoleId": "AROA1234567890123456",
                "Arn": arn("iam", one), "CreateDate": "2026-01-01T00:00:00Z",
            }
            for one in self.of("roles")
        ]  # fmt: skip
        rows = [{key: value for key, value in row.items() if key != "policies"} for row in rows]
        start = int(params.get("Marker") or 0)
        more = {"IsTruncated": True, "Marker": str(start + 2)} if start + 2 < len(rows) else {"IsTruncated": False}
        return {"Roles": rows[start : start + 2], **more}

    def list_role_tags(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return a role's tags."""
        return {"Tags": self.tagged[params["RoleName"]]}

    def list_role_policies(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the names of its policies."""
        return {"PolicyNames": list(self.things[params["RoleName"]].get("policies", {}))}

    def get_role_policy(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return a policy."""
        document = self.things[params["RoleName"]]["policies"][params["PolicyName"]]
        return {**params, "PolicyDocument": document}

    def list_attached_role_policies(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the policies of others."""
        return {"AttachedPolicies": [{"PolicyArn": f"{arn('iam', params['RoleName'])}/policy"}]}

    def delete_role_policy(self, params: dict[str, Any]) -> dict[str, Any]:
        """Delete a policy."""
        del self.things[params["RoleName"]]["policies"][params["PolicyName"]]
        return {}

    def detach_role_policy(self, params: dict[str, Any]) -> dict[str, Any]:
        """Detach a policy."""
        self.things[params["RoleName"]]["detached"] = True
        return {}

    def delete_role(self, params: dict[str, Any]) -> dict[str, Any]:
        """Delete what has no policy any more."""
        held = self.things[params["RoleName"]]
        if held.get("policies") or not held.get("detached"):
            raise FakeError("DeleteConflict")
        return self.drop("roles", params["RoleName"])

    # Logs, Parameter Store, ECS

    def describe_log_groups(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return those with a prefix."""
        found = [one for one in self.of("log groups") if one.startswith(params["logGroupNamePrefix"])]
        rows = [{"logGroupName": one, "arn": f"{arn('logs', f'log-group:{one}')}:*"} for one in found]
        return pages("logGroups", rows, params)

    def delete_log_group(self, params: dict[str, Any]) -> dict[str, Any]:
        """Delete one."""
        return self.drop("log groups", params["logGroupName"])

    def list_tags_for_resource(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the tags of a log group, a repository, a parameter or a subnet group: four services name it alike."""
        if "repository/" in params.get("resourceArn", ""):
            return {"tags": self.tagged[params["resourceArn"].partition("repository/")[2]]}
        if "resourceArn" in params:
            assert not params["resourceArn"].endswith(":*"), "Logs refuses this"
            name = params["resourceArn"].partition("log-group:")[2]
            return {"tags": {tag["Key"]: tag["Value"] for tag in self.tagged[name]}}
        name = params.get("ResourceId") or params["ResourceName"].rpartition(":")[2]
        return {"TagList": self.tagged[name]}

    def get_parameters_by_path(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return what is below a path."""
        return pages(
            "Parameters", [{"Name": one} for one in self.of("parameters") if one.startswith(params["Path"])], params
        )

    def delete_parameter(self, params: dict[str, Any]) -> dict[str, Any]:
        """Delete one."""
        return self.drop("parameters", params["Name"])

    def describe_repositories(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return all."""
        rows = [{"repositoryName": one, "repositoryArn": arn("ecr", f"repository/{one}")} for one in self.of("ecr")]
        return pages("repositories", rows, params)

    def list_images(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return a repository's images."""
        images = self.things[params["repositoryName"]].get("images")
        return {"imageIds": images} if images else {}

    def delete_repository(self, params: dict[str, Any]) -> dict[str, Any]:
        """Delete one that holds no image."""
        assert not params.get("force")
        return self.drop("ecr", params["repositoryName"])

    def list_clusters(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return all."""
        return pages("clusterArns", [arn("ecs", f"cluster/{one}") for one in self.of("clusters")], params)

    def describe_clusters(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return some with their tags."""
        assert params["include"] == ["TAGS"]
        names = [one.rpartition("/")[2] for one in params["clusters"]]
        rows = [
            {
                "clusterName": one, "status": "ACTIVE",
                "tags": [{"key": tag["Key"], "value": tag["Value"]} for tag in self.tagged[one]],
            }
            for one in names
        ]  # fmt: skip
        return {"clusters": rows}

    def list_services(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return a cluster's services."""
        found = [one for one in self.of("services") if self.things[one]["clusterArn"] == params["cluster"]]
        return pages("serviceArns", found, params)

    def describe_services(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return some."""
        return {
            "services": [{"status": "ACTIVE", "serviceName": one, **self.things[one]} for one in params["services"]]
        }

    def delete_service(self, params: dict[str, Any]) -> dict[str, Any]:
        """Delete one that may run tasks."""
        assert params["force"]
        return self.drop("services", params["service"])

    def delete_cluster(self, params: dict[str, Any]) -> dict[str, Any]:
        """Delete what has no services."""
        return self.drop("clusters", params["cluster"], "ClusterContainsServicesException")
