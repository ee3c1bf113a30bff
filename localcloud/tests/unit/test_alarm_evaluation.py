"""The state of an alarm by its data points: AWS's tables, each treatment of missing data, each comparison."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.services.cloudwatch import messages, reasons
from localcloud.services.cloudwatch.datapoint import Datapoint
from localcloud.services.cloudwatch.evaluation import Verdict, evaluate, step, windows

NOON = 1_764_331_200.0
"""2025-11-28 12:00:00 UTC, when the newest period begins."""
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
RETAINED = None


def alarm(**more: object) -> dict[str, Any]:
    """Return an alarm at 5 or more in three minutes."""
    return {
        "AlarmName": "web-5xx",
        "AlarmArn": "arn:aws:cloudwatch:eu-central-1:000000000000:alarm:web-5xx",
        "AlarmConfigurationUpdatedTimestamp": NOON,
        "Namespace": "AWS/ApplicationELB",
        "MetricName": "HTTPCode_Target_5XX_Count",
        "Dimensions": [{"Name": "LoadBalancer", "Value": "app/web/1"}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 5.0,
        "StateValue": "OK",
        "StateReason": "",
        **more,
    }


def points(text: str, **values: float) -> list[Datapoint]:
    """Return data points by AWS's notation, oldest first: `-` is missing, `0` does not breach, `X` does."""
    known = {"-": None, "0": 0.0, "X": 9.0} | values
    return [Datapoint(at=NOON - 60 * n, value=known[mark]) for n, mark in enumerate(reversed(text.split()))]


def verdict(found: list[Datapoint], **more: object) -> Verdict:
    """Evaluate an alarm that gets a state."""
    got = evaluate(alarm(**more), found)
    assert got is not None
    return got


@pytest.mark.parametrize(
    ("found", "needed", "states"),
    [
        ("0 - X - X", 3, ("OK", "OK", "OK", "OK")),
        ("- - - - 0", 3, ("OK", "OK", "OK", "OK")),
        ("- - - - -", 3, ("INSUFFICIENT_DATA", RETAINED, "ALARM", "OK")),
        ("0 X X - X", 3, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("- - X - -", 3, ("ALARM", RETAINED, "ALARM", "OK")),
        ("- - - X -", 3, ("OK", RETAINED, "ALARM", "OK")),
        ("0 - X - X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0 0 X 0 X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0 - X - -", 2, ("OK", "OK", "ALARM", "OK")),
        ("- - - - 0", 2, ("OK", "OK", "ALARM", "OK")),
        ("- - - X -", 2, ("ALARM", RETAINED, "ALARM", "OK")),
        ("X X 0 0 0", 2, ("OK", "OK", "OK", "OK")),
    ],
)
def test_missing_data_is_treated_as_the_user_guide_shows(
    found: str, needed: int, states: tuple[str | None, ...]
) -> None:
    """Both tables of "Configuring how CloudWatch alarms treat missing data", for each treatment."""
    got = [evaluate(alarm(TreatMissingData=t, DatapointsToAlarm=needed), points(found)) for t in TREATMENTS]
    assert [row and row.state for row in got] == list(states)


@pytest.mark.parametrize(
    ("comparison", "at", "beyond"),
    [
        ("GreaterThanOrEqualToThreshold", "ALARM", 6.0),
        ("GreaterThanThreshold", "OK", 6.0),
        ("LessThanOrEqualToThreshold", "ALARM", 4.0),
        ("LessThanThreshold", "OK", 4.0),
    ],
)
def test_each_comparison_decides_at_and_beyond_the_threshold(comparison: str, at: str, beyond: float) -> None:
    """A value at the threshold breaches with "or equal to" only."""
    one = {"ComparisonOperator": comparison, "EvaluationPeriods": 1}
    assert verdict(points("X", X=5.0), **one).state == at
    assert verdict(points("X", X=beyond), **one).state == "ALARM"
    assert verdict(points("X", X=10.0 - beyond), **one).state == "OK"


@pytest.mark.parametrize(
    ("found", "more", "reason"),
    [
        (
            "X X 0", {"DatapointsToAlarm": 2},
            "Threshold Crossed: 2 out of the last 3 datapoints [9.0 (28/11/25 11:59:00), 9.0 (28/11/25 11:58:00)] were "
            "greater than or equal to the threshold (5.0) (minimum 2 datapoints for OK -> ALARM transition).",
        ),
        (
            "0 0 X", {"DatapointsToAlarm": 3},
            "Threshold Crossed: 2 out of the last 3 datapoints [0.0 (28/11/25 11:59:00), 0.0 (28/11/25 11:58:00)] were "
            "not greater than or equal to the threshold (5.0) (minimum 1 datapoint for ALARM -> OK transition).",
        ),
        (
            "X", {"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"},
            "Threshold Crossed: 1 datapoint [9.0 (28/11/25 12:00:00)] was greater than the threshold (5.0).",
        ),
        (
            "- - X", {"DatapointsToAlarm": 1, "TreatMissingData": "notBreaching"},
            "Threshold Crossed: 1 out of the last 3 datapoints [9.0 (28/11/25 12:00:00)] was greater than or equal to "
            "the threshold (5.0) and 2 missing datapoints were treated as [NonBreaching] (minimum 1 datapoint for OK "
            "-> ALARM transition).",
        ),
        (
            "- - -", {"TreatMissingData": "notBreaching"},
            "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as "
            "[NonBreaching].",
        ),
        (
            "-", {"TreatMissingData": "breaching", "EvaluationPeriods": 1},
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
            "[Breaching].",
        ),
        ("- - -", {}, "Insufficient Data: 3 datapoints were unknown."),
    ],
)  # fmt: skip
def test_a_state_is_explained_in_cloudwatchs_words(found: str, more: dict[str, object], reason: str) -> None:
    """The reasons as real alarms have them, with the newest data point first."""
    assert verdict(points(found), **more).reason == reason


def test_periods_end_with_the_last_full_minute() -> None:
    """Each minute the windows move on, also of longer periods; two more than needed are looked at."""
    five = alarm(Period=300, EvaluationPeriods=1)
    assert windows(five, NOON + 119) == [NOON + 60 - 300, NOON + 60 - 600, NOON + 60 - 900]
    assert windows(five, NOON + 120)[0] == NOON + 120 - 300
    assert step(alarm(Period=10)) == 10
    assert windows(alarm(Period=10, EvaluationPeriods=1), NOON + 19)[0] == NOON


def test_the_message_has_what_cloudwatch_publishes() -> None:
    """Subject and message of a change to ALARM, with the metric, its dimensions and the times in CloudWatch's form."""
    changed = alarm(StateValue="ALARM", StateReason="why", DatapointsToAlarm=2, AlarmActions=["arn:aws:sns:x"])
    assert messages.subject(changed, "ALARM", "eu-central-1") == 'ALARM: "web-5xx" in EU (Frankfurt)'
    text = messages.message(changed, "OK", NOON + 0.5, "000000000000", "eu-central-1")
    assert '"StateChangeTime": "2025-11-28T12:00:00.500+0000"' in text
    assert '"OldStateValue": "OK", "OKActions": [], "AlarmActions": ["arn:aws:sns:x"]' in text
    assert '"Statistic": "SUM"' in text
    assert '"Dimensions": [{"value": "app/web/1", "name": "LoadBalancer"}]' in text


def test_the_reasons_data_has_the_evaluated_points() -> None:
    """StateReasonData, as EventBridge and the history have it."""
    got = reasons.data(alarm(), points("X 0 -"), NOON + 61)
    assert '"startDate":"2025-11-28T11:58:00.000+0000"' in got
    assert '"recentDatapoints":[9.0,0.0],"threshold":5.0' in got
    assert '{"timestamp":"2025-11-28T12:00:00.000+0000"}' in got
