"""CodeBuild's metrics of real builds, read as a dashboard does."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import pytest

from support.building import Workshop, workshop
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud

SPEC = "version: 0.2\nphases: {{build: {{commands: [{command}]}}}}\n"
DAY = 24 * 60 * 60


@pytest.fixture
def shop(cloud: Cloud) -> Iterator[Workshop]:
    """CodeBuild."""
    yield from workshop(cloud)


def sums(cloud: Cloud, project: str) -> dict[str, float]:
    """Return the sum of each metric of a project over the last days."""
    now = datetime.datetime.now(tz=datetime.UTC)
    around = {"StartTime": now - datetime.timedelta(days=2), "EndTime": now + datetime.timedelta(days=2)}
    watch, found = cloud.client("cloudwatch"), {}
    for row in watch.list_metrics(Namespace="AWS/CodeBuild")["Metrics"]:
        if {"Name": "ProjectName", "Value": project} in row["Dimensions"]:
            points = watch.get_metric_statistics(**row, **around, Period=DAY, Statistics=["Sum"])["Datapoints"]
            found[row["MetricName"]] = sum(point["Sum"] for point in points)
    return found


def test_builds_are_counted_by_how_they_ended_and_their_seconds_are_added(shop: Workshop, cloud: Cloud) -> None:
    """One that is stopped by hand is neither a success nor a failure."""
    name = "contract-metrics"
    shop.project(name)
    builds = [
        shop.run(name, buildspecOverride=SPEC.format(command=command)) for command in ("'true'", "'true'", "'false'")
    ]
    last = shop.start(name, buildspecOverride=SPEC.format(command="echo waits; sleep 100"))
    shop.until(last, "waits")
    shop.api.stop_build(id=last)
    builds.append(shop.wait(last))
    wanted = {"Builds": 4.0, "SucceededBuilds": 2.0, "FailedBuilds": 1.0}
    until(lambda: sums(cloud, name).get("Builds") == len(builds))
    found = sums(cloud, name)
    assert {key: found[key] for key in wanted} == wanted
    took = sum((build["endTime"] - build["startTime"]).total_seconds() for build in builds)
    assert found["Duration"] == pytest.approx(took, abs=0.1)
    assert 0 <= found["QueuedDuration"] + found["ProvisioningDuration"] < found["Duration"]
