"""Metrics of real traffic, alarms that are evaluated, and what they publish."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.exceptions import ClientError

from support.cloud import Site
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.cloud import Cloud

BALANCER = "AWS/ApplicationELB"
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
def site(cloud: Cloud) -> Iterator[Site]:
    """A healthy task behind a load balancer."""
    site = Site(cloud, "contract-watch")
    site.serve(site.definition(cloud.image("good")), 1)
    assert site.outcome()["status"] == "SUCCESSFUL"
    yield site
    site.ecs.delete_service(cluster=site.name, service="web", force=True)


class Topic:
    """A topic with a queue that receives its messages."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        """Create both."""
        sns, self._sqs = cloud.client("sns"), cloud.client("sqs")
        self.arn = sns.create_topic(Name=name)["TopicArn"]
        self._queue = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        queue = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=queue["Attributes"]["QueueArn"])

    def message(self) -> tuple[str, dict[str, Any]]:
        """Wait for a message; return its subject and content."""
        found: list[dict[str, Any]] = []

        def received() -> bool:
            rows = self._sqs.receive_message(QueueUrl=self._queue).get("Messages", [])
            for row in rows:
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=row["ReceiptHandle"])
                found.append(json.loads(row["Body"]))
            return bool(found)

        until(received)
        return found[0]["Subject"], json.loads(found[0]["Message"])


@pytest.fixture(scope="module")
def topic(cloud: Cloud) -> Topic:
    """The topic of these tests' alarms."""
    return Topic(cloud, "contract-watch")


def described(watch: Any, name: str) -> dict[str, Any]:
    """Describe an alarm."""
    return dict(watch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0])


def reached(watch: Any, name: str, state: str, limit: float = 120) -> dict[str, Any]:
    """Wait until an alarm has a state; returns the alarm."""
    until(lambda: described(watch, name)["StateValue"] == state, lambda: described(watch, name)["StateReason"], limit)
    return described(watch, name)


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


def test_a_failing_service_sets_its_alarm_off_and_a_good_one_ends_it(site: Site, watch: Any, topic: Topic) -> None:
    """5xx responses of real requests, two minutes of three; the metrics have AWS's names and dimensions.

    It ends once one of these minutes is not among the last five any more: without failures, there is no newer data.
    """
    balancer, group = site.balancer.partition(":loadbalancer/")[2], site.group.rpartition(":")[2]
    own = [{"Name": "LoadBalancer", "Value": balancer}]
    both = [*own, {"Name": "TargetGroup", "Value": group}]
    watch.put_metric_alarm(
        AlarmName="web-5xx", Namespace=BALANCER, MetricName="HTTPCode_Target_5XX_Count", Dimensions=both,
        Statistic="Sum", Period=60, EvaluationPeriods=3, DatapointsToAlarm=2, Threshold=5,
        ComparisonOperator="GreaterThanOrEqualToThreshold", TreatMissingData="notBreaching",
        AlarmActions=[topic.arn], OKActions=[topic.arn],
    )  # fmt: skip
    reached(watch, "web-5xx", "OK")
    sent = {"200": 0, "503": 0, "404": 0}

    def ask() -> bool:
        for status in sent:
            assert httpx.get(f"http://{site.host}/status/{status}").status_code == int(status)
            sent[status] += 1
        return str(described(watch, "web-5xx")["StateValue"]) == "ALARM"

    begun = datetime.now(UTC) - timedelta(minutes=1)
    until(ask, limit=260)
    assert "2 out of the last 3 datapoints" in described(watch, "web-5xx")["StateReason"]
    until(lambda: topic.message()[0] == 'ALARM: "web-5xx" in EU (Frankfurt)')
    time.sleep(61 - time.time() % 60)

    def sums(name: str, dimensions: list[dict[str, str]], statistic: str = "Sum", space: str = BALANCER) -> list[float]:
        query = {"Metric": {"Namespace": space, "MetricName": name, "Dimensions": dimensions}}
        stat = query | {"Period": 60, "Stat": statistic}
        rows = [{"Id": "m", "MetricStat": stat}]
        end = datetime.now(UTC) + timedelta(minutes=1)
        values = watch.get_metric_data(MetricDataQueries=rows, StartTime=begun, EndTime=end)["MetricDataResults"]
        return list(values[0]["Values"])

    for dimensions in (own, both):
        assert sum(sums("HTTPCode_Target_5XX_Count", dimensions)) == sent["503"]
        assert sum(sums("HTTPCode_Target_4XX_Count", dimensions)) == sent["404"]
        assert sum(sums("HTTPCode_Target_2XX_Count", dimensions)) == sent["200"]
        assert sum(sums("RequestCount", dimensions)) == sum(sent.values())
    assert sums("HTTPCode_ELB_5XX_Count", own) == []
    assert sums("HealthyHostCount", both, "Minimum")[-1] == 1.0
    assert sums("UnHealthyHostCount", both, "Maximum")[-1] == 0.0
    service = [{"Name": "ClusterName", "Value": site.name}, {"Name": "ServiceName", "Value": "web"}]
    for name in ("CPUUtilization", "MemoryUtilization"):
        used = sums(name, service, "Average", "AWS/ECS")
        assert used
        assert all(0 < value < 100 for value in used)
    reached(watch, "web-5xx", "OK", limit=330)
    until(lambda: topic.message()[0] == 'OK: "web-5xx" in EU (Frankfurt)')
    known = watch.list_metrics(Namespace=BALANCER)["Metrics"]
    assert {"RequestCount", "HealthyHostCount"} <= {row["MetricName"] for row in known}


def test_what_no_target_answered_is_counted_for_the_load_balancer(site: Site, watch: Any) -> None:
    """502 of a target group without targets, also across a reload of the proxy."""
    empty = site.target_group("contract-empty")
    condition = [{"Field": "path-pattern", "Values": ["/empty*"]}]
    forward = [{"Type": "forward", "TargetGroupArn": empty}]
    rule = site.elb.create_rule(ListenerArn=site.listener, Priority=5, Conditions=condition, Actions=forward)
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda n: httpx.get(f"http://{site.host}/empty/{n}").status_code, range(20)))
    assert set(statuses) == {503}
    site.elb.delete_rule(RuleArn=rule["Rules"][0]["RuleArn"])
    named = [{"Name": "LoadBalancer", "Value": site.balancer.partition(":loadbalancer/")[2]}]

    def counted() -> float:
        start, end = datetime.now(UTC) - timedelta(minutes=5), datetime.now(UTC) + timedelta(minutes=1)
        rows = watch.get_metric_statistics(
            Namespace=BALANCER, MetricName="HTTPCode_ELB_5XX_Count", Dimensions=named, StartTime=start, EndTime=end,
            Period=60, Statistics=["Sum"],
        )["Datapoints"]  # fmt: skip
        return float(sum(row["Sum"] for row in rows))

    until(lambda: counted() == 20, counted)
