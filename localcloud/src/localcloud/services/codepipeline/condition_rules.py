"""Validation of a stage's conditions on entry, by AWS's rules (structure and rule reference, "CloudWatchAlarm")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError

if TYPE_CHECKING:
    from localcloud.state.table import Doc

PROVIDER = "CloudWatchAlarm"
STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")
KEYS = ("AlarmName", "AlarmStates", "WaitTime")
DEFAULT_STATES = "ALARM"
"""The states in which the rule fails, unless it names others: WaitTime is "the amount of time CodePipeline will wait if
the alarm is in ALARM state when it is first evaluated"."""


def check(declaration: Doc, region: str) -> None:
    """Refuse conditions on entry that AWS refuses, or that the local cloud cannot evaluate.

    Raises:
        ApiError: the first rule that is violated.
    """
    for stage in declaration["stages"]:
        conditions = (stage.get("beforeEntry") or {}).get("conditions") or []
        if conditions and declaration["pipelineType"] != "V2":
            raise wrong(stage, "pipeline type V1 does not support conditions; set pipelineType to V2")
        for condition in conditions:
            check_condition(stage, condition, region)


def check_condition(stage: Doc, condition: Doc, region: str) -> None:
    """Refuse a condition without rules, with two of one name, or with a result that it cannot have."""
    if condition.get("result", "FAIL") != "FAIL":
        raise wrong(stage, f"the local cloud supports conditions on entry with result FAIL, not {condition['result']}")
    rules = condition.get("rules") or []
    names = [rule["name"] for rule in rules]
    if not rules:
        raise wrong(stage, "a condition must have at least one rule")
    if len(set(names)) != len(names):
        raise wrong(stage, "rule names must be unique within a condition")
    for rule in rules:
        check_rule(stage, rule, region)


def check_rule(stage: Doc, rule: Doc, region: str) -> None:
    """Refuse another provider, region or version, and a configuration that the provider does not have."""
    kind, configuration = rule["ruleTypeId"], rule.get("configuration") or {}
    where = f"rule {rule['name']}"
    if kind["provider"] != PROVIDER:
        raise wrong(stage, f"{where}: the local cloud supports the provider {PROVIDER}, not {kind['provider']}")
    if kind.get("version", "1") != "1" or rule.get("region", region) != region:
        raise wrong(stage, f"{where}: {PROVIDER} has version 1 only, and the local cloud the region {region}")
    given = [member for member in ("commands", "inputArtifacts") if rule.get(member)]
    if unknown := [*given, *(key for key in configuration if key not in KEYS)]:
        raise wrong(stage, f"{where}: {PROVIDER} does not take {', '.join(unknown)}")
    if not configuration.get("AlarmName"):
        raise wrong(stage, f"{where}: AlarmName is required")
    if bad := [state for state in states(rule) if state not in STATES]:
        raise wrong(stage, f"{where}: AlarmStates must be {', '.join(STATES)}, not {', '.join(bad)}")
    if not configuration.get("WaitTime", "0").isdecimal():
        raise wrong(stage, f"{where}: WaitTime must be a number of minutes, not {configuration['WaitTime']}")


def states(rule: Doc) -> list[str]:
    """Return the states of its alarm in which a rule fails."""
    given = rule["configuration"].get("AlarmStates") or DEFAULT_STATES
    return [state.strip() for state in given.split(",")]


def wait_seconds(rule: Doc) -> int:
    """Return how long a rule waits for its alarm to leave these states."""
    return int(rule["configuration"].get("WaitTime", "0")) * 60


def wrong(stage: Doc, text: str) -> ApiError:
    """Return the error for an invalid condition."""
    return ApiError("InvalidStageDeclarationException", f"Stage {stage['name']}: {text}")
