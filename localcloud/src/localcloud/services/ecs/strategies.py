"""Deployment strategies, as far as they need no look-up: what a CANARY deployment's settings may be, and its parts.

Sources: ECS's API reference (DeploymentConfiguration, CanaryConfiguration, AdvancedConfiguration) and the developer
guide, "Amazon ECS canary deployments" and "Troubleshooting Amazon ECS blue/green deployments", whose words these are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from localcloud.gateway.protocol import ApiError

if TYPE_CHECKING:
    from localcloud.state.table import Doc

CANARY = "CANARY"
PERCENT, BAKE_MINUTES = 5.0, 10
"""Defaults of canaryPercent and canaryBakeTimeInMinutes."""
MINUTES_AT_MOST = 1440
RULE = re.compile(r"arn:[^:]+:elasticloadbalancing:[^:]*:[^:]*:listener-rule/app/.+")
WHOLE = 100.0


def is_canary(service: Doc) -> bool:
    """Tell whether a service's next deployment is a canary deployment."""
    return bool(service["deploymentConfiguration"].get("strategy") == CANARY)


def completed(configuration: Doc) -> Doc:
    """Return a deployment configuration with the canary's defaults, or without a canary if it is none."""
    if configuration.get("strategy") != CANARY:
        return {key: value for key, value in configuration.items() if key != "canaryConfiguration"}
    defaults = {"canaryPercent": PERCENT, "canaryBakeTimeInMinutes": BAKE_MINUTES}
    return configuration | {"canaryConfiguration": defaults | (configuration.get("canaryConfiguration") or {})}


def check(configuration: dict[str, Any]) -> None:
    """Refuse a deployment configuration that AWS refuses.

    Raises:
        ApiError: InvalidParameterException.
    """
    canary = configuration.get("canaryConfiguration") or {}
    percent = canary.get("canaryPercent", PERCENT)
    minutes = {
        "canaryBakeTimeInMinutes": canary.get("canaryBakeTimeInMinutes", 0),
        "bakeTimeInMinutes": configuration.get("bakeTimeInMinutes") or 0,
    }
    wrong = [
        f"{name} must be from 0 to {MINUTES_AT_MOST}" for name, n in minutes.items() if not 0 <= n <= MINUTES_AT_MOST
    ]
    if canary and configuration.get("strategy", "ROLLING") != CANARY:
        wrong.append("canaryConfiguration is only valid when the deployment strategy is CANARY")
    if not 0 < percent <= WHOLE or abs(percent * 10 - round(percent * 10)) > 1e-6:  # noqa: PLR2004 - rounding errors
        wrong.append("canaryPercent must be a multiple of 0.1 from 0.1 to 100.0")
    if wrong:
        raise ApiError("InvalidParameterException", f"deploymentConfiguration: {'; '.join(wrong)}.")


def check_balancers(configuration: Doc, balancers: list[dict[str, Any]]) -> None:
    """Refuse load balancers that a deployment strategy cannot shift traffic with.

    Raises:
        ApiError: ClientException in AWS's words, or UnsupportedFeatureException.
    """
    advanced = [row["advancedConfiguration"] for row in balancers if row.get("advancedConfiguration")]
    canary = configuration.get("strategy") == CANARY
    if canary and not balancers:
        text = "a service with the deployment strategy CANARY and without load balancers"
        raise ApiError("UnsupportedFeatureException", f"the local cloud does not support {text}")
    if len(advanced) < len(balancers) and (canary or advanced):
        all_or_none = "Either all or none of the provided loadBalancers must have advancedConfiguration defined"
        required = (
            "advancedConfiguration field is required for all loadBalancers when using the canary deployment strategy"
        )
        raise ApiError("ClientException", required if canary else all_or_none)
    for own in advanced:
        if own.get("testListenerRule"):
            text = "the local cloud does not support advancedConfiguration.testListenerRule"
            raise ApiError("UnsupportedFeatureException", text)
        rule = own.get("productionListenerRule", "")
        if not RULE.fullmatch(rule):
            text = "productionListenerRule has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB."
            raise ApiError("ClientException", f"{text} Got: {rule}")
        for member in ("alternateTargetGroupArn", "roleArn"):
            if not own.get(member):
                raise ApiError("InvalidParameterException", f"advancedConfiguration.{member} must be specified.")
    groups = [row.get("targetGroupArn", "") for row in balancers] + [
        own.get("alternateTargetGroupArn", "") for own in advanced
    ]
    for group in groups:
        if advanced and groups.count(group) > 1:
            raise ApiError("ClientException", f"Duplicate targetGroupArn found: {group}")


def groups_of(deployment: Doc) -> list[str]:
    """Return the target group of a deployment's tasks for each of its load balancers."""
    found: list[str] | None = deployment.get("groups")
    return found or [row["targetGroupArn"] for row in deployment.get("loadBalancers") or []]


def pair(balancer: Doc) -> tuple[str, str]:
    """Return the two target groups of a load balancer between which traffic is shifted."""
    return balancer["targetGroupArn"], balancer["advancedConfiguration"]["alternateTargetGroupArn"]


def others(balancers: list[Doc], groups: list[str]) -> list[str]:
    """Return the target groups that the given ones alternate with."""
    pairs = [pair(row) for row in balancers]
    return [second if first in groups else first for first, second in pairs]


def advanced(balancers: list[Doc] | None) -> bool:
    """Tell whether load balancers are set up for shifting traffic."""
    return any(row.get("advancedConfiguration") for row in balancers or [])


def weights(percent: float) -> tuple[int, int]:
    """Return the weights of the blue and the green target group: in thousandths, or 100 and 0 where one gets all.

    ELB's weights end at 999, and canaryPercent has one decimal place.
    """
    if percent >= WHOLE:
        return 0, 100
    green = round(percent * 10)
    return (1000 - green, green) if green else (100, 0)


def source(service: Doc, deployment: Doc) -> Doc | None:
    """Return the blue deployment: the latest other one of the last completed service revision, or None."""
    known = service.get("completedRevision")
    rows = (row for row in service["deployments"] if row is not deployment)
    return next((row for row in rows if known and row["revision"] == known), None)


def with_shifting(old: list[Doc], new: list[Doc]) -> list[Doc]:
    """Return load balancers of an earlier revision, with the present ones' advancedConfiguration if they lack it.

    Else a service that went back to the revision before its first canary deployment could not have another one.
    """
    own = {row.get("targetGroupArn"): row.get("advancedConfiguration") for row in new}
    return [
        row | {"advancedConfiguration": own[row["targetGroupArn"]]}
        if not row.get("advancedConfiguration") and own.get(row.get("targetGroupArn"))
        else row
        for row in old
    ]
