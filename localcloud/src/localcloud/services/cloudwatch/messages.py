"""The message that CloudWatch publishes to an SNS topic when an alarm changes its state. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from localcloud.services.cloudwatch.reasons import stamp

if TYPE_CHECKING:
    from localcloud.state.table import Doc

ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
"""The member with the actions of a change to each state."""
REGIONS = {"eu-central-1": "EU (Frankfurt)"}
"""Regions as messages call them; any other by its code."""
STATISTICS = {"SampleCount": "SAMPLE_COUNT"}
SUBJECT = 100
"""Maximum length of a subject, SNS's."""


def subject(alarm: Doc, state: str, region: str) -> str:
    """Return the subject."""
    return f'{state}: "{alarm["AlarmName"]}" in {REGIONS.get(region, region)}'[:SUBJECT]


def message(alarm: Doc, before: str, now: float, account: str, region: str) -> str:
    """Return the message, as JSON.

    Args:
        alarm: with its new state.
        before: its old state.
        now: when it changed, in seconds since 1970.
        account: the account's ID.
        region: the region's code.
    """
    told = {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm.get("AlarmDescription") or None,
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": alarm["StateValue"],
        "NewStateReason": alarm["StateReason"],
        "StateChangeTime": stamp(now),
        "Region": REGIONS.get(region, region),
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": before,
        **{member: alarm.get(member) or [] for member in ("OKActions", "AlarmActions", "InsufficientDataActions")},
    }
    if "AlarmRule" in alarm:
        return json.dumps(told | {"AlarmRule": alarm["AlarmRule"]})
    return json.dumps(told | {"Trigger": trigger(alarm)})


def trigger(alarm: Doc) -> dict[str, Any]:
    """Return what a metric alarm watches."""
    extended = alarm.get("ExtendedStatistic")
    name = str(alarm.get("Statistic"))
    kind = "ExtendedStatistic" if extended else "Statistic"
    statistic = extended or STATISTICS.get(name, name.upper())
    shown = {
        "MetricName": alarm["MetricName"],
        "Namespace": alarm["Namespace"],
        "StatisticType": kind,
        kind: statistic,
        "Unit": alarm.get("Unit"),
        "Dimensions": [{"value": row["Value"], "name": row["Name"]} for row in alarm.get("Dimensions") or []],
        "Period": alarm["Period"],
        "EvaluationPeriods": alarm["EvaluationPeriods"],
        "ComparisonOperator": alarm["ComparisonOperator"],
        "Threshold": alarm["Threshold"],
        "TreatMissingData": alarm.get("TreatMissingData") or "",
        "EvaluateLowSampleCountPercentile": "",
    }
    return shown | ({"DatapointsToAlarm": alarm["DatapointsToAlarm"]} if alarm.get("DatapointsToAlarm") else {})
