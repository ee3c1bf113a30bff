"""CloudWatch's words for why an alarm has its state. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localcloud.services.cloudwatch.datapoint import Datapoint
    from localcloud.state.table import Doc

TREATED = {"breaching": "Breaching", "notBreaching": "NonBreaching"}
"""The treatments of missing data that decide, as they are called in reasons."""
WORDS = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
SHOWN = 5
"""The most data points that a reason shows."""


def counted(number: int, what: str = "datapoint") -> str:
    """Return a number of things."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def were(number: int) -> str:
    """Return the verb for a number of things."""
    return "was" if number == 1 else "were"


def unknown(periods: int) -> str:
    """Return the reason of INSUFFICIENT_DATA."""
    return f"Insufficient Data: {counted(periods)} {were(periods)} unknown."


def crossed(alarm: Doc, state: str, real: Sequence[Datapoint], breaching: Sequence[Datapoint], missing: int) -> str:
    """Return the reason of ALARM or OK.

    Args:
        alarm: as DescribeAlarms returns it.
        state: ALARM or OK.
        real: the data points that were evaluated, newest first.
        breaching: those of them beyond the threshold.
        missing: how many missing ones were treated as breaching or not.
    """
    treated = f"{counted(missing, 'missing datapoint')} {were(missing)} treated as [{treatment(alarm)}]"
    if not real:
        return f"Threshold Crossed: no datapoints were received for {counted(missing, 'period')} and {treated}."
    shown = breaching if state == "ALARM" else [point for point in real if point not in breaching]
    if not shown:
        return f"Threshold Crossed: {treated}."
    points = ", ".join(f"{point.value} ({stamp(point.at, '%d/%m/%y %H:%M:%S')})" for point in shown[:SHOWN])
    negated = "" if state == "ALARM" else "not "
    compared = f"{were(len(shown))} {negated}{WORDS[alarm['ComparisonOperator']]} the threshold ({alarm['Threshold']})"
    filled = f" and {treated}" if missing else ""
    periods, needed = alarm["EvaluationPeriods"], alarm.get("DatapointsToAlarm")
    if needed is None:
        return f"Threshold Crossed: {counted(len(shown))} [{points}] {compared}{filled}."
    least = needed if state == "ALARM" else periods - needed + 1
    change = "OK -> ALARM" if state == "ALARM" else "ALARM -> OK"
    head = f"Threshold Crossed: {len(shown)} out of the last {periods} datapoints [{points}]"
    return f"{head} {compared}{filled} (minimum {counted(least)} for {change} transition)."


def treatment(alarm: Doc) -> str:
    """Return how an alarm treats missing data, as it is called in reasons."""
    return TREATED.get(alarm.get("TreatMissingData", ""), "Missing")


def stamp(at: float, form: str = "") -> str:
    """Return a moment in UTC, by default as in CloudWatch's JSON: 2024-09-19T06:01:18.043+0000."""
    moment = datetime.fromtimestamp(at, UTC)
    return moment.strftime(form) if form else f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def data(alarm: Doc, evaluated: Sequence[Datapoint], now: float) -> str:
    """Return StateReasonData, the reason as JSON."""
    recent = [point.value for point in reversed(evaluated) if point.value is not None]
    body = {
        "version": "1.0",
        "queryDate": stamp(now),
        "startDate": stamp(min((point.at for point in evaluated), default=now)),
        "statistic": alarm.get("ExtendedStatistic") or alarm.get("Statistic"),
        "period": alarm["Period"],
        "recentDatapoints": recent,
        "threshold": alarm["Threshold"],
        "evaluatedDatapoints": [
            {"timestamp": stamp(point.at)} | ({} if point.value is None else {"value": point.value})
            for point in evaluated
        ],
    }
    return json.dumps(body, separators=(",", ":"))
