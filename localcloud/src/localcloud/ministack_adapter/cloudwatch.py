"""ministack's metrics and alarms: read and written by the services of our own, its own evaluation put out of action.

ministack compares an alarm with the points of all dimensions, once data is put, over one window, and never again. It
drops the metrics of an alarm on an expression, which are refused here.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import ModuleType

Doc = dict[str, Any]
KEPT_SECONDS = 3 * 3600
"""How long the data points of AWS's namespaces stay: all of them are written at each save."""
STATES = ("INSUFFICIENT_DATA", "ALARM", "OK")
EXPRESSIONS = ("Metrics", "ThresholdMetricId", "EvaluationCriteria")
COMPARED = ("GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold")


class CloudWatch:
    """Metrics and alarms as documents; alarms are ministack's own, not copies."""

    def __init__(self, module: ModuleType, save: Callable[[], None]) -> None:
        """Take over from ministack.

        Args:
            module: its CloudWatch module.
            save: writes its state to disk.
        """
        self._module, self.save = module, save
        self.changed: Callable[[Doc, str], None] = lambda _alarm, _before: None
        """Called when an alarm has got another state, with the alarm and the state before."""
        patch(module, lambda alarm, before: self.changed(alarm, before))

    def alarms(self) -> list[Doc]:
        """Return all metric alarms."""
        return list(self._module._alarms.values())  # noqa: SLF001 - ministack has no public name for it

    def state(self, name: str) -> str | None:
        """Return the state of a metric or composite alarm, None if there is no such alarm."""
        alarm = self.alarm(name)
        return None if alarm is None else str(alarm["StateValue"])

    def alarm(self, name: str) -> Doc | None:
        """Return a metric or composite alarm, None if it does not exist."""
        found: Doc | None = self._module._alarms.get(name) or self._module._composite_alarms.get(name)  # noqa: SLF001 - ministack has no public name for it
        return found

    def values(self, alarm: Doc, begins: Iterable[float]) -> list[float | None]:
        """Return an alarm's statistic of each period that begins at one of the moments, None where data is missing."""
        module, dimensions = self._module, {row["Name"]: row["Value"] for row in alarm.get("Dimensions") or []}
        key = (alarm["Namespace"], alarm["MetricName"], module._dims_key(dimensions))  # noqa: SLF001 - ministack has no public name for it
        points = module._metrics.get(key) or []  # noqa: SLF001 - ministack has no public name for it
        if alarm.get("Unit"):
            points = [point for point in points if point["Unit"] == alarm["Unit"]]
        name, found = alarm.get("ExtendedStatistic") or alarm["Statistic"], []
        for begin in begins:
            within = [point for point in points if begin <= point["Timestamp"] < begin + alarm["Period"]]
            stats = module._calc_stats(within)  # noqa: SLF001 - ministack has no public name for it
            found.append(module._stat_value(stats, name, within) if stats else None)  # noqa: SLF001 - ministack has no public name for it
        return found

    def publish(  # noqa: PLR0913 - each is another part of a data point
        self, namespace: str, name: str, dimensions: Mapping[str, str], at: float, unit: str, values: Sequence[float]
    ) -> None:
        """Add a data point of one of AWS's namespaces, and drop those that are too old.

        Args:
            namespace: e.g. "AWS/ECS".
            name: of the metric.
            dimensions: by name.
            at: when its minute begins, in seconds since 1970.
            unit: CloudWatch's.
            values: of that minute, at least one.
        """
        metrics = self._module._metrics  # noqa: SLF001 - ministack has no public name for it
        key = (namespace, name, self._module._dims_key(dimensions))  # noqa: SLF001 - ministack has no public name for it
        kept = [point for point in metrics.get(key) or [] if point["Timestamp"] >= at - KEPT_SECONDS]
        stats = {"SampleCount": len(values), "Sum": sum(values), "Minimum": min(values), "Maximum": max(values)}
        average = stats["Sum"] / stats["SampleCount"]
        point = {"Timestamp": at, "Unit": unit, "Dimensions": dict(dimensions), "Value": average, "_stat": stats}
        metrics[key] = [*kept, point]

    def transition(self, alarm: Doc, state: str, reason: str, data: str) -> None:
        """Give an alarm another state, with its history, its composite alarms and its actions."""
        module, before, now = self._module, alarm["StateValue"], time.time()
        alarm.update(StateValue=state, StateReason=reason, StateReasonData=data)
        alarm.update(StateUpdatedTimestamp=now, StateTransitionedTimestamp=now)
        module._record_history(alarm["AlarmName"], before, state, reason, reason_data=json.loads(data))  # noqa: SLF001 - ministack has no public name for it
        self.changed(alarm, before)
        module._evaluate_parent_alarms(alarm)  # noqa: SLF001 - ministack has no public name for it

    def told(self, alarm: Doc, summary: str) -> None:
        """Add to an alarm's history that an action was or was not executed."""
        module = self._module
        module._history_entries().append({  # noqa: SLF001 - ministack has no public name for it
            "AlarmName": alarm["AlarmName"],
            "AlarmType": "CompositeAlarm" if "AlarmRule" in alarm else "MetricAlarm",
            "Timestamp": module._ts_iso(time.time()),  # noqa: SLF001 - ministack has no public name for it
            "HistoryItemType": "Action",
            "HistorySummary": summary,
            "HistoryData": "{}",
        })  # fmt: skip


def patch(module: ModuleType, changed: Callable[[Doc, str], None]) -> None:
    """Replace what ministack does by itself: evaluation, and the actions of an alarm; refuse what it drops."""

    def dispatch(alarm: Doc, before: str, _state: str, _reason: str) -> None:
        changed(alarm, before)

    put, set_state = module._put_metric_alarm, module._set_alarm_state  # noqa: SLF001 - ministack has no public name for it

    def put_metric_alarm(params: Doc, data: Doc, is_cbor: bool, is_json: bool = False) -> Any:  # noqa: FBT001, FBT002 - ministack's signature
        wrong = problem({**{name.split(".")[0]: value for name, value in params.items()}, **data}, module)
        return refused(module, wrong, is_cbor, is_json) if wrong else put(params, data, is_cbor, is_json)

    def set_alarm_state(params: Doc, data: Doc, is_cbor: bool, is_json: bool = False) -> Any:  # noqa: FBT001, FBT002 - ministack's signature
        state = data.get("StateValue") or module._p(params, "StateValue")  # noqa: SLF001 - ministack has no public name for it
        if state in STATES:
            return set_state(params, data, is_cbor, is_json)
        text = f"1 validation error detected: Value '{state}' at 'stateValue' failed to satisfy constraint"
        wrong = f"{text}: Member must satisfy enum value set: [{', '.join(STATES)}]"
        return refused(module, wrong, is_cbor, is_json)

    vars(module).update(
        _evaluate_alarm=lambda _alarm: None,
        _dispatch_alarm_actions=dispatch,
        _put_metric_alarm=put_metric_alarm,
        _set_alarm_state=set_alarm_state,
    )


def problem(given: Doc, module: ModuleType) -> str:
    """Return why an alarm is refused, "" if it is not: what is not evaluated would never fire."""
    unserved = [name for name in EXPRESSIONS if given.get(name)]
    if unserved:
        return f"the local cloud does not support alarms on expressions ({', '.join(unserved)})"
    compared = given.get("ComparisonOperator")
    compared = compared[0] if isinstance(compared, list) else compared
    if compared not in COMPARED:
        return f"the local cloud does not support the comparison {compared}; it has {', '.join(COMPARED)}"
    if not (module._p(given, "MetricName") and module._p(given, "Namespace")):  # noqa: SLF001 - ministack has no public name for it
        return "The parameters MetricName and Namespace are required."
    return ""


def refused(module: ModuleType, text: str, is_cbor: bool, is_json: bool) -> Any:  # noqa: FBT001 - ministack's flags
    """Return CloudWatch's answer to an invalid request."""
    return module._error("ValidationError", text, 400, use_json=is_json, use_cbor=is_cbor)  # noqa: SLF001 - ministack has no public name for it
