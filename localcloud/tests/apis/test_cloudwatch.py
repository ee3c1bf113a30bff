"""Alarms that are evaluated by the data that is put, and what they publish."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from support.alarms import Topic, described, reached

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.cloud import Cloud

FRESH: dict[str, Any] = {
    "Namespace": "tests",
    "Statistic": "Maximum",
    "Period": 10,
    "EvaluationPeriods": 1,
    "Threshold": 5.0,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
}


@pytest.fixture(scope="module")
def watch(cloud: Cloud) -> Any:
    """A boto3 client of CloudWatch."""
    return cloud.client("cloudwatch")


@pytest.fixture(scope="module")
def topic(cloud: Cloud) -> Topic:
    """The topic of these tests' alarms."""
    return Topic(cloud, "contract-watch")


def put(watch: Any, name: str, value: float, **dimensions: str) -> None:
    """Publish a data point of the namespace tests."""
    named = [{"Name": key, "Value": text} for key, text in dimensions.items()]
    watch.put_metric_data(Namespace="tests", MetricData=[{"MetricName": name, "Value": value, "Dimensions": named}])


def refusal(call: Callable[[], object]) -> str:
    """Return the message of a ValidationError."""
    with pytest.raises(ClientError) as error:
        call()
    assert error.value.response["Error"]["Code"] == "ValidationError"
    return str(error.value.response["Error"]["Message"])


def test_an_alarm_goes_on_and_off_with_its_metric(watch: Any, topic: Topic) -> None:
    """INSUFFICIENT_DATA, ALARM and OK, by real data points; the topic gets CloudWatch's messages."""
    actions = {"AlarmActions": [topic.arn], "OKActions": [topic.arn]}
    watch.put_metric_alarm(
        AlarmName="load", MetricName="load", TreatMissingData="notBreaching", AlarmDescription="too much",
        **FRESH | actions,
    )  # fmt: skip
    reason = reached(watch, "load", "OK")["StateReason"]
    assert reason.endswith("for 1 period and 1 missing datapoint was treated as [NonBreaching].")
    assert topic.message()[1]["OldStateValue"] == "INSUFFICIENT_DATA"
    put(watch, "load", 9)
    alarm = reached(watch, "load", "ALARM")
    assert "1 datapoint [9.0 (" in alarm["StateReason"]
    assert datetime.now(UTC) - alarm["StateUpdatedTimestamp"] < timedelta(seconds=30)
    subject, told = topic.message()
    assert subject == 'ALARM: "load" in EU (Frankfurt)'
    assert (told["AlarmName"], told["AlarmDescription"], told["OldStateValue"]) == ("load", "too much", "OK")
    assert (told["NewStateValue"], told["NewStateReason"]) == ("ALARM", alarm["StateReason"])
    assert told["Trigger"]["MetricName"] == "load"
    reached(watch, "load", "OK")
    assert topic.message()[0] == 'OK: "load" in EU (Frankfurt)'
    history = watch.describe_alarm_history(AlarmName="load")["AlarmHistoryItems"]
    summaries = [row["HistorySummary"] for row in history]
    assert "Alarm updated from OK to ALARM" in summaries
    assert f"Successfully executed action {topic.arn}" in summaries


def test_an_alarm_looks_at_its_own_dimensions_only(watch: Any) -> None:
    """A data point of another dimension leaves it alone (a fault of ministack: it mixes them)."""
    dimensions = [{"Name": "Service", "Value": "a"}]
    watch.put_metric_alarm(AlarmName="mine", MetricName="errors", Dimensions=dimensions, **FRESH)
    put(watch, "errors", 9, Service="b")
    put(watch, "errors", 1, Service="a")
    assert "1 datapoint [1.0 (" in reached(watch, "mine", "OK")["StateReason"]


def test_a_state_that_was_set_lasts_until_the_next_evaluation(watch: Any, topic: Topic) -> None:
    """SetAlarmState takes effect at once, with its actions; then the data decides. An unknown state is refused."""
    rare = FRESH | {"Period": 60, "TreatMissingData": "notBreaching", "AlarmActions": [topic.arn]}
    watch.put_metric_alarm(AlarmName="set", MetricName="nothing", **rare)
    reached(watch, "set", "OK")
    time.sleep(60 - time.time() % 60 + 1)
    watch.set_alarm_state(AlarmName="set", StateValue="ALARM", StateReason="testing")
    assert described(watch, "set")["StateValue"] == "ALARM"
    assert topic.message()[1]["NewStateReason"] == "testing"
    reached(watch, "set", "OK")
    call = {"AlarmName": "set", "StateValue": "LOUD", "StateReason": "x"}
    assert "enum value set: [INSUFFICIENT_DATA, ALARM, OK]" in refusal(lambda: watch.set_alarm_state(**call))


def test_an_alarm_on_an_expression_is_refused_by_name(watch: Any) -> None:
    """An expression would be dropped by ministack, and the alarm would never fire."""
    queries = [{"Id": "e", "Expression": "1"}]
    rest = {"EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"}
    text = refusal(lambda: watch.put_metric_alarm(AlarmName="sum", Metrics=queries, **rest))
    assert text == "the local cloud does not support alarms on expressions (Metrics)"


def test_alarms_and_data_survive_a_kill(cloud: Cloud, watch: Any) -> None:
    """After kill -9, an alarm has its state, its history and its data, and is evaluated further."""
    long = FRESH | {"Period": 60, "EvaluationPeriods": 5, "DatapointsToAlarm": 1}
    watch.put_metric_alarm(AlarmName="durable", MetricName="durable", **long)
    put(watch, "durable", 9)
    before = reached(watch, "durable", "ALARM")
    cloud.kill()
    cloud.command("up")
    after = described(watch, "durable")
    assert (after["StateValue"], after["StateReason"]) == ("ALARM", before["StateReason"])
    assert watch.describe_alarm_history(AlarmName="durable")["AlarmHistoryItems"]
    start, end = datetime.now(UTC) - timedelta(minutes=10), datetime.now(UTC) + timedelta(minutes=1)
    found = watch.get_metric_statistics(
        Namespace="tests", MetricName="durable", StartTime=start, EndTime=end, Period=60, Statistics=["Maximum"]
    )["Datapoints"]
    assert [row["Maximum"] for row in found] == [9.0]
