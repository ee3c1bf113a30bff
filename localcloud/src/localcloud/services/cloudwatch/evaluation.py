"""The state of an alarm, by CloudWatch's rules. Pure.

Source: CloudWatch user guide, "Evaluating an alarm" and "Configuring how CloudWatch alarms treat missing data".
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.services.cloudwatch import reasons

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from localcloud.services.cloudwatch.datapoint import Datapoint
    from localcloud.state.table import Doc

EXTRA = 2
"""How many periods more than those to evaluate are looked at, in case some are missing: 5 for 3 in AWS's examples."""
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
MINUTE = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """A state with CloudWatch's reason, and the data points by which it was decided, newest first."""

    state: str
    reason: str
    evaluated: Sequence[Datapoint] = ()


def step(alarm: Doc) -> int:
    """Return how often an alarm is evaluated, in seconds: each minute, or each 10 s if its period is shorter."""
    return MINUTE if alarm["Period"] >= MINUTE else 10


def windows(alarm: Doc, now: float) -> list[float]:
    """Return when each period of the evaluation range begins, newest first; the newest ends with the last full step."""
    end = now // step(alarm) * step(alarm)
    return [end - (n + 1) * alarm["Period"] for n in range(alarm["EvaluationPeriods"] + EXTRA)]


def evaluate(alarm: Doc, found: Sequence[Datapoint]) -> Verdict | None:
    """Return the state that an alarm's data points give it, None if it keeps its state.

    Args:
        alarm: as DescribeAlarms returns it.
        found: the periods of its evaluation range, newest first.
    """
    treatment = alarm.get("TreatMissingData") or "missing"
    wanted = alarm["EvaluationPeriods"]
    needed = alarm.get("DatapointsToAlarm") or wanted
    real = [point for point in found if point.value is not None][:wanted]
    crossed = [point for point in real if breaches(alarm, point)]
    missing = wanted - len(real)
    seen: dict[str, Any] = {"evaluated": real or tuple(found[:wanted])}
    if missing and treatment in reasons.TREATED:
        filled = missing if treatment == "breaching" else 0
        state = "ALARM" if len(crossed) + filled >= needed else "OK"
        return Verdict(state=state, reason=reasons.crossed(alarm, state, real, crossed, missing), **seen)
    if not real:
        lost = Verdict(state="INSUFFICIENT_DATA", reason=reasons.unknown(wanted), **seen)
        return None if treatment == "ignore" else lost
    state = "ALARM" if len(crossed) >= needed else "OK"
    if state == "OK" and missing and len(crossed) == len(real):
        if treatment == "ignore":
            return None
        state = "ALARM" if is_old(found, needed, wanted) else "OK"
    return Verdict(state=state, reason=reasons.crossed(alarm, state, real, crossed, 0), **seen)


def breaches(alarm: Doc, point: Datapoint) -> bool:
    """Tell whether a data point is beyond the threshold."""
    return point.value is not None and COMPARISONS[alarm["ComparisonOperator"]](point.value, alarm["Threshold"])


def is_old(found: Sequence[Datapoint], needed: int, wanted: int) -> bool:
    """Tell whether the oldest data point that there is among those to evaluate is as old as the alarm needs.

    All of them breach, and all newer ones are missing: the user guide's "premature" alarm state.
    """
    ages = [age for age, point in enumerate(found[:wanted], start=1) if point.value is not None]
    return max(ages, default=0) >= needed
