"""Actions and conditions of listeners and rules: validation, and the full form in which AWS returns them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from localcloud.gateway.protocol import ApiError

if TYPE_CHECKING:
    from localcloud.services.elbv2.state import State
    from localcloud.state.table import Doc

REDIRECT = {
    "Protocol": "#{protocol}",
    "Port": "#{port}",
    "Host": "#{host}",
    "Path": "/#{path}",
    "Query": "#{query}",
}
CONFIGS = {
    "path-pattern": "PathPatternConfig",
    "host-header": "HostHeaderConfig",
    "http-header": "HttpHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "query-string": "QueryStringConfig",
    "source-ip": "SourceIpConfig",
}
PATTERN = re.compile(r"[A-Za-z0-9_\-.$/~\"'@:+&()!,;=*?%#]{1,128}")
HEADER_VALUE = re.compile(r"[\x20-\x7e]{1,128}")
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,40}")
METHOD = re.compile(r"[A-Z_-]{1,40}")
ADDRESS = re.compile(r"[0-9a-fA-F.:]+/\d{1,3}")
VALUES_AT_MOST = 5
GROUPS_AT_MOST = 5
WEIGHT_AT_MOST = 999
"""The guide, "Forward actions": up to five target groups, with weights from 0 to 999."""


def full_actions(state: State, balancer: str, actions: list[dict[str, Any]]) -> list[Doc]:
    """Return actions in the form in which AWS returns them.

    Raises:
        ApiError: AWS would refuse them, or the local cloud does not support them.
    """
    if len(actions) != 1:
        kinds = ", ".join(action["Type"] for action in actions)
        raise ApiError("UnsupportedOperation", f"the local cloud supports one action a rule, not {kinds or 'none'}")
    action = dict(actions[0])
    if action["Type"] == "forward":
        return [full_forward(state, balancer, action)]
    if action["Type"] == "redirect" and "RedirectConfig" in action:
        config = REDIRECT | {key: value for key, value in action["RedirectConfig"].items() if value is not None}
        if all(config[key] == REDIRECT[key] for key in ("Protocol", "Port", "Host", "Path")):
            raise ApiError("InvalidLoadBalancerAction", "The redirect target is the request itself (redirect loop)")
        return [action | {"RedirectConfig": config}]
    if action["Type"] == "fixed-response" and "FixedResponseConfig" in action:
        if not re.fullmatch(r"[245]\d\d", action["FixedResponseConfig"]["StatusCode"]):
            raise ApiError("ValidationError", "A fixed response's StatusCode must be 2XX, 4XX or 5XX")
        return [action]
    raise ApiError("UnsupportedOperation", f"the local cloud does not support the listener action {action['Type']}")


def full_forward(state: State, balancer: str, action: Doc) -> Doc:
    """Return a forward action to up to five target groups by weight, each of which may belong to one load balancer."""
    config = action.get("ForwardConfig") or {}
    given = config.get("TargetGroups") or [{"TargetGroupArn": action.get("TargetGroupArn", "")}]
    if len(given) > GROUPS_AT_MOST:
        text = f"A forward action can have at most {GROUPS_AT_MOST} target groups"
        raise ApiError("TooManyTargetGroups", text)
    if config.get("TargetGroupStickinessConfig", {}).get("Enabled"):
        raise ApiError("UnsupportedOperation", "the local cloud does not support target group stickiness")
    groups = [full_group(state, balancer, row) for row in given]
    arns = [row["TargetGroupArn"] for row in groups]
    if len(set(arns)) != len(arns):
        raise ApiError("ValidationError", f"A target group is specified more than once: {', '.join(arns)}")
    forward = {"TargetGroups": groups, "TargetGroupStickinessConfig": {"Enabled": False}}
    bare = {key: value for key, value in action.items() if key != "TargetGroupArn"}
    return bare | ({"TargetGroupArn": arns[0]} if len(arns) == 1 else {}) | {"ForwardConfig": forward}


def full_group(state: State, balancer: str, row: dict[str, Any]) -> Doc:
    """Return a forward action's target group with its weight: 1 if none is given, as for a single one."""
    group = state.group(row["TargetGroupArn"])["TargetGroupArn"]
    if state.balancer_of(group) not in (None, balancer):
        text = f"The following target groups cannot be associated with more than one load balancer: {group}"
        raise ApiError("TargetGroupAssociationLimit", text)
    weight = row.get("Weight", 1)
    if not 0 <= weight <= WEIGHT_AT_MOST:
        raise ApiError("ValidationError", f"'Weight' must be 0-{WEIGHT_AT_MOST}; it is {weight}")
    return {"TargetGroupArn": group, "Weight": weight}


def full_conditions(conditions: list[dict[str, Any]]) -> list[Doc]:
    """Return conditions with both the old and the new form of their values, as AWS does.

    Raises:
        ApiError: a field, value or number of values that AWS refuses or the local cloud cannot match.
    """
    if sum(len(values_of(condition)) for condition in conditions) > VALUES_AT_MOST:
        raise ApiError("ValidationError", f"A rule can have at most {VALUES_AT_MOST} condition values")
    return [full_condition(condition) for condition in conditions]


def full_condition(condition: dict[str, Any]) -> Doc:
    """Return a validated condition in full form."""
    field = condition.get("Field") or next((name for name, config in CONFIGS.items() if config in condition), "")
    if field not in CONFIGS or condition.get("RegexValues") or condition.get(CONFIGS[field], {}).get("RegexValues"):
        raise ApiError("UnsupportedOperation", f"the local cloud does not support the condition {condition}")
    values = values_of(condition)
    if not values:
        raise ApiError("ValidationError", f"A condition value must be specified for {field}")
    rule = {"http-request-method": METHOD, "source-ip": ADDRESS, "http-header": HEADER_VALUE}.get(field, PATTERN)
    for value in values:
        text = value.get("Value", "") if isinstance(value, dict) else value
        if not rule.fullmatch(text):
            raise ApiError(
                "ValidationError", f"The condition value '{text}' of {field} contains a character that is not valid"
            )
    if field == "query-string" and not all(HEADER.fullmatch(value.get("Key", "")) for value in values):
        raise ApiError("UnsupportedOperation", "the local cloud supports query-string conditions with a plain Key only")
    if field == "http-header" and not HEADER.fullmatch(condition["HttpHeaderConfig"].get("HttpHeaderName", "")):
        raise ApiError("ValidationError", "A header's name must be specified for http-header")
    full: Doc = {"Field": field, CONFIGS[field]: dict(condition.get(CONFIGS[field], {})) | {"Values": values}}
    if field in ("path-pattern", "host-header"):
        full["Values"] = values
    return full


def values_of(condition: dict[str, Any]) -> list[Any]:
    """Return a condition's values, in either form."""
    for config in CONFIGS.values():
        if condition.get(config, {}).get("Values"):
            values: list[Any] = condition[config]["Values"]
            return values
    return condition.get("Values") or []
