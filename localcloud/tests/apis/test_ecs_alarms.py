"""Service deployments that are watched by CloudWatch alarms."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.exceptions import ClientError

from support.cloud import Site
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud

PERIOD, PERIODS = 10, 2
FIRED = "deployment failed: alarm detected."
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


@pytest.fixture(scope="module")
def watch(cloud: Cloud) -> Any:
    """A boto3 client of CloudWatch, with an alarm that stays as it was set: it has no data."""
    watch = cloud.client("cloudwatch")
    watch.put_metric_alarm(
        AlarmName="rollout", Namespace="tests", MetricName="none", Statistic="Sum", Period=PERIOD,
        EvaluationPeriods=PERIODS, Threshold=1, ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore",
    )  # fmt: skip
    return watch


def turn(watch: Any, state: str, name: str = "rollout") -> None:
    """Set the alarm's state."""
    watch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="by the test")


def watched(*names: str, **more: bool) -> dict[str, Any]:
    """Return a deployment configuration with alarms."""
    return BREAKER | {"alarms": {"alarmNames": list(names), "enable": True, "rollback": True} | more}


@pytest.fixture(scope="module")
def site(cloud: Cloud, watch: Any) -> Iterator[Site]:
    """A healthy task behind a load balancer, without deployment alarms so far."""
    site = Site(cloud, "contract-alarms")
    turn(watch, "OK")
    site.serve(site.definition(cloud.image("good"), {"RELEASE": "1"}), 1)
    assert "alarms" not in site.outcome()
    yield site
    site.ecs.delete_service(cluster=site.name, service="web", force=True)


def test_alarms_have_to_be_named(site: Site) -> None:
    """Alarms that are enabled without a name are refused; enabled ones are stored and returned."""
    with pytest.raises(ClientError, match="at least one alarm") as error:
        site.update(deploymentConfiguration=watched())
    assert error.value.response["Error"]["Code"] == "InvalidParameterException"
    site.update(deploymentConfiguration=watched("rollout"))
    assert site.service()["deploymentConfiguration"]["alarms"] == watched("rollout")["alarms"]


def test_a_quiet_deployment_is_complete_after_the_bake_time(site: Site, watch: Any) -> None:
    """It is IN_PROGRESS until its alarms have been watched for all of their periods, then SUCCESSFUL."""
    turn(watch, "OK")
    begun = time.time()
    rollout = site.update(taskDefinition=site.definition(site.cloud.image("good"), {"RELEASE": "2"}))
    done = site.outcome(rollout)
    assert done["status"] == "SUCCESSFUL"
    assert time.time() - begun > PERIOD * PERIODS
    assert done["alarms"] == {"status": "MONITORING_COMPLETE", "alarmNames": ["rollout"], "triggeredAlarmNames": []}


@pytest.mark.parametrize("after", ["at once", "while it bakes", "after a kill"])
def test_a_deployment_whose_alarm_fires_is_rolled_back(site: Site, watch: Any, after: str) -> None:
    """The old tasks' revision serves again; ECS's events and the service deployment name the cause."""
    turn(watch, "OK")
    serving = site.service()["taskDefinition"]
    rollout = site.update(taskDefinition=site.definition(site.cloud.image("good"), {"RELEASE": after}))
    if after != "at once":
        until(lambda: httpx.get(f"http://{site.host}/").text.startswith(after))
        until(lambda: len(site.tasks()) == 1)
        assert site.service()["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    if after == "after a kill":
        site.cloud.kill()
        site.cloud.command("up")
    turn(watch, "ALARM")
    done = site.outcome(rollout)
    assert done["status"] == "ROLLBACK_SUCCESSFUL"
    assert done["statusReason"] == "Service deployment rolled back because the alarms [rollout] were triggered."
    assert done["alarms"]["status"] == "TRIGGERED"
    assert done["alarms"]["triggeredAlarmNames"] == ["rollout"]
    assert done["deploymentCircuitBreaker"]["status"] == "MONITORING_COMPLETE"
    assert site.service()["taskDefinition"] == serving
    events = [row["message"] for row in site.service()["events"]]
    assert any(FIRED in message for message in events)


def test_an_alarm_that_is_on_already_is_not_heeded(site: Site, watch: Any) -> None:
    """The deployment may be the one that ends it: alarms are ignored for all of its duration, and it does not bake."""
    turn(watch, "ALARM")
    done = site.outcome(site.update(taskDefinition=site.definition(site.cloud.image("good"), {"RELEASE": "fix"})))
    assert (done["status"], done["alarms"]["status"]) == ("SUCCESSFUL", "DISABLED")


def test_without_rollback_the_deployment_stops_as_it_is(site: Site, watch: Any) -> None:
    """It is FAILED, and starts no more tasks; the next one replaces it."""
    turn(watch, "OK")
    wanted = site.definition(site.cloud.image("good"), {"RELEASE": "stay"})
    rollout = site.update(taskDefinition=wanted, deploymentConfiguration=watched("rollout", rollback=False))
    until(lambda: httpx.get(f"http://{site.host}/").text.startswith("stay"))
    turn(watch, "ALARM")
    done = site.outcome(rollout)
    assert done["status"] == "STOPPED"
    deployment = site.service()["deployments"][0]
    assert (deployment["taskDefinition"], deployment["rolloutState"]) == (wanted, "FAILED")
    assert deployment["rolloutStateReason"] == "ECS deployment alarms: alarm detected."


def test_a_release_that_answers_503_is_rolled_back_by_its_alarm(site: Site, watch: Any) -> None:
    """Healthy by its health check, yet failing: real requests set the alarm off while the deployment bakes."""
    both = [
        {"Name": "LoadBalancer", "Value": site.balancer.partition(":loadbalancer/")[2]},
        {"Name": "TargetGroup", "Value": site.group.rpartition(":")[2]},
    ]
    watch.put_metric_alarm(
        AlarmName="rollout-5xx", Namespace="AWS/ApplicationELB", MetricName="HTTPCode_Target_5XX_Count",
        Dimensions=both, Statistic="Sum", Period=60, EvaluationPeriods=3, DatapointsToAlarm=1, Threshold=5,
        ComparisonOperator="GreaterThanOrEqualToThreshold", TreatMissingData="notBreaching",
    )  # fmt: skip
    turn(watch, "OK", "rollout-5xx")
    good = site.definition(site.cloud.image("good"), {"RELEASE": "good"})
    site.outcome(site.update(taskDefinition=good, deploymentConfiguration=BREAKER | {"alarms": {
        "alarmNames": [], "enable": False, "rollback": False,
    }}))  # fmt: skip
    bad = site.definition(site.cloud.image("good"), {"RELEASE": "bad", "STATUS": "503"})
    rollout = site.update(taskDefinition=bad, deploymentConfiguration=watched("rollout-5xx"))
    known: dict[str, Any] = {"serviceDeploymentArns": [rollout]}

    def over() -> bool:
        httpx.get(f"http://{site.host}/")
        row = site.ecs.describe_service_deployments(**known)["serviceDeployments"][0]
        return bool(row["status"] == "ROLLBACK_SUCCESSFUL")

    until(over, limit=200)
    assert httpx.get(f"http://{site.host}/").status_code == 200
    assert site.service()["taskDefinition"] == good
