"""Operations on load balancers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError, Params
from localcloud.services.elbv2 import attributes, subnets
from localcloud.services.elbv2.state import new_id, now, select, tag_map

if TYPE_CHECKING:
    from localcloud.services.elbv2.proxies import Proxies
    from localcloud.services.elbv2.state import State
    from localcloud.state.table import Doc

NAME = re.compile(r"(?!internal-)[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?")
HOSTED_ZONE = "Z215JYRZR1TBD5"


class Balancers:
    """Create, describe, change and delete load balancers; each is a proxy with its own address."""

    def __init__(self, state: State, proxies: Proxies) -> None:
        """Use ELBv2's documents and the proxies."""
        self._state, self._proxies = state, proxies

    async def create_load_balancer(self, params: Params) -> Params:
        """Start the proxy; the DNSName is its address on the Docker network."""
        name = params["Name"]
        check_name(name)
        if params.get("Type", "application") != "application":
            raise ApiError("UnsupportedOperation", f"the local cloud has no load balancer of type {params['Type']}")
        if any(balancer["LoadBalancerName"] == name for balancer in self._state.balancers.values()):
            raise ApiError("DuplicateLoadBalancerName", f"A load balancer with the name '{name}' exists already")
        vpc, zones = await subnets.zones(self._state.ctx, subnet_ids(params))
        key = self._state.arn(f"loadbalancer/app/{name}/{new_id()}")
        doc: Doc = {
            "LoadBalancerArn": key,
            "DNSName": await self._proxies.address(key),
            "CanonicalHostedZoneId": HOSTED_ZONE,
            "CreatedTime": now(),
            "LoadBalancerName": name,
            "Scheme": params.get("Scheme", "internet-facing"),
            "VpcId": vpc,
            "State": {"Code": "active"},
            "Type": "application",
            "AvailabilityZones": zones,
            "SecurityGroups": params.get("SecurityGroups", []),
            "IpAddressType": params.get("IpAddressType", "ipv4"),
            "Attributes": dict(attributes.BALANCER),
            "Tags": tag_map(params.get("Tags")),
        }
        self._state.balancers.put(key, doc)
        try:
            await self._proxies.run(doc)
        except BaseException:  # cancellation too: nothing incomplete stays
            self._state.balancers.delete(key)
            await self._proxies.remove(doc)
            raise
        return {"LoadBalancers": [doc]}

    def describe_load_balancers(self, params: Params) -> Params:
        """Return load balancers by ARN or name, or all."""
        names = params.get("Names")
        docs = select(
            self._state.balancers, "ARN", params.get("LoadBalancerArns"), "LoadBalancerNotFound", "Load balancer"
        )
        if names:
            docs = [doc for doc in docs if doc["LoadBalancerName"] in names]
            if not docs:
                raise ApiError("LoadBalancerNotFound", f"Load balancers '[{', '.join(names)}]' not found")
        return {"LoadBalancers": docs}

    async def delete_load_balancer(self, params: Params) -> None:
        """Remove the proxy, listeners and rules; deleting a missing load balancer is no error."""
        doc = self._state.balancers.get(params["LoadBalancerArn"])
        if doc is None:
            return
        if doc["Attributes"]["deletion_protection.enabled"] == "true":
            text = f"Load balancer '{doc['LoadBalancerArn']}' cannot be deleted because deletion protection is enabled"
            raise ApiError("OperationNotPermitted", text)
        for listener in self._state.listeners_of(doc["LoadBalancerArn"]):
            for rule in self._state.rules_of(listener["ListenerArn"]):
                self._state.rules.delete(rule["RuleArn"])
            self._state.listeners.delete(listener["ListenerArn"])
        self._state.balancers.delete(doc["LoadBalancerArn"])
        await self._proxies.remove(doc)

    def set_security_groups(self, params: Params) -> Params:
        """Store the security groups; they are not enforced locally."""
        doc = self._state.balancer(params["LoadBalancerArn"])
        doc["SecurityGroups"] = params["SecurityGroups"]
        self._state.balancers.save(doc["LoadBalancerArn"])
        return {"SecurityGroupIds": doc["SecurityGroups"]}

    async def set_subnets(self, params: Params) -> Params:
        """Store other subnets; the address does not change."""
        doc = self._state.balancer(params["LoadBalancerArn"])
        _, doc["AvailabilityZones"] = await subnets.zones(self._state.ctx, subnet_ids(params))
        self._state.balancers.save(doc["LoadBalancerArn"])
        return {"AvailabilityZones": doc["AvailabilityZones"], "IpAddressType": doc["IpAddressType"]}

    def set_ip_address_type(self, params: Params) -> Params:
        """Store the address type; locally it is always IPv4."""
        doc = self._state.balancer(params["LoadBalancerArn"])
        doc["IpAddressType"] = params["IpAddressType"]
        self._state.balancers.save(doc["LoadBalancerArn"])
        return {"IpAddressType": doc["IpAddressType"]}

    def describe_capacity_reservation(self, params: Params) -> Params:
        """Return an empty capacity reservation."""
        self._state.balancer(params["LoadBalancerArn"])
        return {"CapacityReservationState": []}


def subnet_ids(params: Params) -> list[str]:
    """Return the subnet ids of Subnets or SubnetMappings."""
    return params.get("Subnets") or [mapping["SubnetId"] for mapping in params.get("SubnetMappings", [])]


def check_name(name: str) -> None:
    """Refuse a name that AWS would refuse."""
    if not NAME.fullmatch(name):
        rule = "up to 32 letters, digits and hyphens, no hyphen at either end, and not beginning with internal-"
        raise ApiError("ValidationError", f"The name '{name}' is not valid: {rule}")
