"""The metrics of real traffic, and the alarms that it sets off; each takes minutes, as on AWS."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from support.alarms import Topic, described, reached
from support.cloud import Site
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud

BALANCER = "AWS/ApplicationELB"


@pytest.fixture(scope="module")
def watch(cloud: Cloud) -> Any:
    """A boto3 client of CloudWatch."""
    return cloud.client("cloudwatch")


@pytest.fixture(scope="module")
def site(cloud: Cloud) -> Iterator[Site]:
    """A healthy task behind a load balancer."""
    site = Site(cloud, "contract-traffic")
    site.serve(site.definition(cloud.image("good")), 1)
    assert site.outcome()["status"] == "SUCCESSFUL"
    yield site
    site.ecs.delete_service(cluster=site.name, service="web", force=True)


@pytest.fixture(scope="module")
def topic(cloud: Cloud) -> Topic:
    """The topic of these tests' alarms."""
    return Topic(cloud, "contract-traffic")


def test_a_failing_service_sets_its_alarm_off_and_a_good_one_ends_it(site: Site, watch: Any, topic: Topic) -> None:
    """5xx responses of real requests in one minute; the metrics have AWS's names and dimensions.

    It ends once this minute is not among those that are looked at any more: without failures, there is no newer data.
    """
    balancer, group = site.balancer.partition(":loadbalancer/")[2], site.group.rpartition(":")[2]
    own = [{"Name": "LoadBalancer", "Value": balancer}]
    both = [*own, {"Name": "TargetGroup", "Value": group}]
    watch.put_metric_alarm(
        AlarmName="web-5xx", Namespace=BALANCER, MetricName="HTTPCode_Target_5XX_Count", Dimensions=both,
        Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=5,
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
    assert "Threshold Crossed: 1 datapoint [" in described(watch, "web-5xx")["StateReason"]
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
