"""Operations on target groups and their targets."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError, Params
from localcloud.services.elbv2 import attributes
from localcloud.services.elbv2.balancers import check_name
from localcloud.services.elbv2.state import new_id, select, tag_map

if TYPE_CHECKING:
    from localcloud.services.elbv2.state import State
    from localcloud.services.elbv2.targets import Targets
    from localcloud.state.table import Doc

CHECKS = {
    "HealthCheckProtocol": "HTTP",
    "HealthCheckPort": "traffic-port",
    "HealthCheckEnabled": True,
    "HealthCheckIntervalSeconds": 30,
    "HealthCheckTimeoutSeconds": 5,
    "HealthyThresholdCount": 5,
    "UnhealthyThresholdCount": 2,
    "HealthCheckPath": "/",
}
RANGES = {
    "HealthCheckIntervalSeconds": (5, 300),
    "HealthCheckTimeoutSeconds": (2, 120),
    "HealthyThresholdCount": (2, 10),
    "UnhealthyThresholdCount": (2, 10),
}
MATCHER = re.compile(r"[2-5]\d\d(-[2-5]\d\d)?(,[2-5]\d\d(-[2-5]\d\d)?)*")


class Groups:
    """Create, describe, change and delete target groups; register and deregister targets."""

    def __init__(self, state: State, targets: Targets) -> None:
        """Use ELBv2's documents and the targets' health checks and draining."""
        self._state, self._targets = state, targets

    def create_target_group(self, params: Params) -> Params:
        """Create a target group of IP targets over HTTP."""
        name = params["Name"]
        check_name(name)
        # The Terraform provider sends an empty ProtocolVersion where none is configured; AWS treats it as absent.
        for member, only in (("Protocol", "HTTP"), ("TargetType", "ip"), ("ProtocolVersion", "HTTP1")):
            if (params.get(member) or ("instance" if member == "TargetType" else only)) != only:
                text = f"the local cloud supports target groups with {member} {only} only, not {params.get(member)!r}"
                raise ApiError("UnsupportedOperation", text)
        if "Port" not in params or "VpcId" not in params:
            raise ApiError("ValidationError", "A port and a VPC ID must be specified")
        if any(group["TargetGroupName"] == name for group in self._state.groups.values()):
            raise ApiError("DuplicateTargetGroupName", f"A target group with the name '{name}' exists already")
        key = self._state.arn(f"targetgroup/{name}/{new_id()}")
        doc: Doc = {
            "TargetGroupArn": key,
            "TargetGroupName": name,
            "Protocol": "HTTP",
            "Port": params["Port"],
            "VpcId": params["VpcId"],
            "TargetType": "ip",
            "ProtocolVersion": "HTTP1",
            "IpAddressType": params.get("IpAddressType", "ipv4"),
            "Matcher": {"HttpCode": "200"},
            "Attributes": dict(attributes.GROUP),
            "Tags": tag_map(params.get("Tags")),
            **CHECKS,
        }
        set_checks(doc, params)
        return {"TargetGroups": [self._view(self._state.groups.put(key, doc))]}

    def describe_target_groups(self, params: Params) -> Params:
        """Return target groups by ARN, name or load balancer, or all."""
        docs = select(self._state.groups, "ARN", params.get("TargetGroupArns"), "TargetGroupNotFound", "Target group")
        if params.get("Names"):
            docs = [doc for doc in docs if doc["TargetGroupName"] in params["Names"]]
            if not docs:
                raise ApiError("TargetGroupNotFound", "One or more target groups not found")
        if "LoadBalancerArn" in params:
            used = self._state.groups_of(self._state.balancer(params["LoadBalancerArn"])["LoadBalancerArn"])
            docs = [doc for doc in docs if doc["TargetGroupArn"] in used]
        return {"TargetGroups": [self._view(doc) for doc in docs]}

    def modify_target_group(self, params: Params) -> Params:
        """Change health check settings; the next check uses them."""
        doc = self._state.group(params["TargetGroupArn"])
        set_checks(doc, params)
        self._state.groups.save(doc["TargetGroupArn"])
        return {"TargetGroups": [self._view(doc)]}

    async def delete_target_group(self, params: Params) -> None:
        """Remove a target group that no listener or rule uses; a missing one is no error."""
        key = params["TargetGroupArn"]
        if self._state.groups.get(key) is None:
            return
        if self._state.balancer_of(key) is not None:
            raise ApiError("ResourceInUse", f"Target group '{key}' is currently in use by a listener or a rule")
        for target in self._state.targets_of(key):
            await self._targets.forget(target)
        self._state.groups.delete(key)

    async def register_targets(self, params: Params) -> None:
        """Register IP addresses; each receives requests after its first passed health check."""
        group = self._state.group(params["TargetGroupArn"])
        for target in params["Targets"]:
            try:
                ipaddress.IPv4Address(target["Id"])
            except ValueError as error:
                raise ApiError(
                    "InvalidTarget", f"The IP address '{target['Id']}' is not a valid IPv4 address"
                ) from error
        for target in params["Targets"]:
            await self._targets.register(group["TargetGroupArn"], target["Id"], target.get("Port", group["Port"]))

    async def deregister_targets(self, params: Params) -> None:
        """Begin to drain targets."""
        group = self._state.group(params["TargetGroupArn"])
        for target in params["Targets"]:
            ports = {
                row["Port"] for row in self._state.targets_of(group["TargetGroupArn"]) if row["Id"] == target["Id"]
            }
            for port in ports if "Port" not in target else {target["Port"]}:
                await self._targets.deregister(group["TargetGroupArn"], target["Id"], port)

    def describe_target_health(self, params: Params) -> Params:
        """Return the health of all or the given targets, with AWS's reason codes."""
        group = self._state.group(params["TargetGroupArn"])
        rows = [described(target, group) for target in self._state.targets_of(group["TargetGroupArn"])]
        if params.get("Targets"):
            by_id = {(row["Target"]["Id"], row["Target"]["Port"]): row for row in rows}
            asked = [(target["Id"], target.get("Port", group["Port"])) for target in params["Targets"]]
            rows = [by_id.get(pair) or unregistered(*pair) for pair in asked]
        return {"TargetHealthDescriptions": rows}

    def _view(self, doc: Doc) -> Doc:
        balancer = self._state.balancer_of(doc["TargetGroupArn"])
        return doc | {"LoadBalancerArns": [balancer] if balancer else []}


def set_checks(doc: Doc, params: Params) -> None:
    """Validate and set the health check settings."""
    for name, (least, most) in RANGES.items():
        if name in params and not least <= params[name] <= most:
            raise ApiError("ValidationError", f"'{name}' must be {least}-{most}; it is {params[name]}")
    wanted = {name: params[name] for name in CHECKS if name in params}
    interval, limit = (
        (wanted.get(name) or doc[name]) for name in ("HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds")
    )
    if limit >= interval:
        raise ApiError(
            "ValidationError", f"Health check timeout {limit} s must be smaller than the interval {interval} s"
        )
    code = params.get("Matcher", {}).get("HttpCode")
    if code and not MATCHER.fullmatch(code):
        raise ApiError("ValidationError", f"Health check matcher HTTP code '{code}' must be within '200-499' or a list")
    if wanted.get("HealthCheckProtocol", "HTTP") not in ("HTTP", "HTTPS"):
        raise ApiError("UnsupportedOperation", f"the local cloud does not check over {wanted['HealthCheckProtocol']}")
    doc.update(wanted)
    if code:
        doc["Matcher"] = {"HttpCode": code}


def described(target: Doc, group: Doc) -> Doc:
    """Return a target's description for DescribeTargetHealth."""
    port = group["HealthCheckPort"]
    health = {"State": target["State"], "Reason": target.get("Reason"), "Description": target.get("Description")}
    return {
        "Target": {"Id": target["Id"], "Port": target["Port"]},
        "HealthCheckPort": str(target["Port"]) if port == "traffic-port" else port,
        "TargetHealth": health,
    }


def unregistered(target: str, port: int) -> Doc:
    """Return the description of a target that is not registered."""
    health = {
        "State": "unused",
        "Reason": "Target.NotRegistered",
        "Description": "Target is not registered to the target group",
    }
    return {"Target": {"Id": target, "Port": port}, "TargetHealth": health}
