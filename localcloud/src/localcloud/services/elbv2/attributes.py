"""Attributes of load balancers, target groups and listeners: known keys, defaults, validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.gateway.protocol import ApiError, Params

if TYPE_CHECKING:
    from localcloud.services.elbv2.proxies import Proxies
    from localcloud.services.elbv2.state import State
    from localcloud.state.table import Doc, Table

BALANCER = {
    "access_logs.s3.bucket": "",
    "access_logs.s3.enabled": "false",
    "access_logs.s3.prefix": "",
    "client_keep_alive.seconds": "3600",
    "connection_logs.s3.bucket": "",
    "connection_logs.s3.enabled": "false",
    "connection_logs.s3.prefix": "",
    "deletion_protection.enabled": "false",
    "health_check_logs.s3.bucket": "",
    "health_check_logs.s3.enabled": "false",
    "health_check_logs.s3.prefix": "",
    "idle_timeout.timeout_seconds": "60",
    "load_balancing.cross_zone.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
    "zonal_shift.config.enabled": "false",
}
GROUP = {
    "deregistration_delay.timeout_seconds": "300",
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "load_balancing.algorithm.type": "round_robin",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "slow_start.duration_seconds": "0",
    "stickiness.app_cookie.cookie_name": "",
    "stickiness.app_cookie.duration_seconds": "86400",
    "stickiness.enabled": "false",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "stickiness.type": "lb_cookie",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}
LISTENER = {"routing.http.response.server.enabled": "true"}
RANGES = {
    "deregistration_delay.timeout_seconds": (0, 3600),
    "idle_timeout.timeout_seconds": (1, 4000),
    "client_keep_alive.seconds": (60, 604800),
}
REFUSED = {("stickiness.enabled", "true"), ("load_balancing.algorithm.type", "weighted_random")}


class Attributes:
    """The Describe... and Modify...Attributes operations."""

    def __init__(self, state: State, proxies: Proxies) -> None:
        """Use ELBv2's documents, and the proxies to update on changes."""
        self._state, self._proxies = state, proxies

    def describe_load_balancer_attributes(self, params: Params) -> Params:
        """Return all attributes with their values or defaults."""
        return listed(self._state.balancer(params["LoadBalancerArn"]))

    def describe_target_group_attributes(self, params: Params) -> Params:
        """Return all attributes with their values or defaults."""
        return listed(self._state.group(params["TargetGroupArn"]))

    def describe_listener_attributes(self, params: Params) -> Params:
        """Return all attributes with their values or defaults."""
        return listed(self._state.listener(params["ListenerArn"]))

    async def modify_load_balancer_attributes(self, params: Params) -> Params:
        """Change attributes; the idle timeout takes effect at once."""
        doc = self._state.balancer(params["LoadBalancerArn"])
        change(self._state.balancers, doc, "LoadBalancerArn", params["Attributes"], BALANCER)
        await self._proxies.apply(doc["LoadBalancerArn"])
        return listed(doc)

    async def modify_target_group_attributes(self, params: Params) -> Params:
        """Change attributes; the algorithm takes effect at once, the deregistration delay with the next target."""
        doc = self._state.group(params["TargetGroupArn"])
        change(self._state.groups, doc, "TargetGroupArn", params["Attributes"], GROUP)
        await self._proxies.apply_group(doc["TargetGroupArn"])
        return listed(doc)

    def modify_listener_attributes(self, params: Params) -> Params:
        """Change attributes; they are stored without effect."""
        doc = self._state.listener(params["ListenerArn"])
        change(self._state.listeners, doc, "ListenerArn", params["Attributes"], None)
        return listed(doc)


def listed(doc: Doc) -> Params:
    """Return a document's attributes as the API lists them."""
    return {"Attributes": [{"Key": key, "Value": value} for key, value in sorted(doc["Attributes"].items())]}


def change(table: Table, doc: Doc, key: str, wanted: list[dict[str, Any]], known: dict[str, str] | None) -> None:
    """Validate and set attributes.

    Args:
        table: the document's table.
        doc: the resource.
        key: the member that holds its ARN.
        wanted: the API's Key/Value pairs.
        known: the attributes that exist, None to accept any.
    """
    for item in wanted:
        name, value = item["Key"], item.get("Value", "")
        if known is not None and name not in known:
            raise ApiError("InvalidConfigurationRequest", f"Load balancer attribute key '{name}' is not recognized")
        if (name, value) in REFUSED or (name == "slow_start.duration_seconds" and value != "0"):
            raise ApiError("InvalidConfigurationRequest", f"the local cloud does not support {name} = {value}")
        least, most = RANGES.get(name, (0, 0))
        if name in RANGES and not (value.isdecimal() and least <= int(value) <= most):
            raise ApiError("InvalidConfigurationRequest", f"'{name}' must be {least}-{most}; it is '{value}'")
    doc["Attributes"].update({item["Key"]: item.get("Value", "") for item in wanted})
    table.save(doc[key])
