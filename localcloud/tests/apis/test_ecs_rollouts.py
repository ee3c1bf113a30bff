"""Rolling updates under load: a good image replaces the old one, a bad one never does, and no request fails."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from support.cloud import Site
from support.load import Load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud


@pytest.fixture(scope="module")
def site(cloud: Cloud) -> Iterator[Site]:
    """Two healthy tasks behind a load balancer."""
    site = Site(cloud, "contract-roll")
    site.serve(site.definition(cloud.image("good"), {"RELEASE": "1"}))
    assert site.outcome()["status"] == "SUCCESSFUL"
    yield site
    site.ecs.delete_service(cluster=site.name, service="web", force=True)


def load(site: Site) -> Load:
    """Return 50 requests a second with keep-alive, some of which take 2 s."""
    return Load(f"http://{site.host}", "/slow")


def test_a_good_release_replaces_the_old_one_without_a_failed_request(site: Site) -> None:
    """All tasks are new when the service deployment is successful."""
    wanted = site.definition(site.cloud.image("good"), {"RELEASE": "2"})
    with load(site) as requests:
        time.sleep(1)
        rollout = site.outcome(site.update(taskDefinition=wanted))
    assert rollout["status"] == "SUCCESSFUL"
    assert {task["taskDefinitionArn"] for task in site.tasks()} == {wanted}
    assert requests.failures == []


@pytest.mark.parametrize(
    ("mode", "reason"),
    [("crash", "app exited with code 3"), ("never", "Health checks failed"), ("slow", "Health checks failed")],
)
def test_a_bad_release_never_replaces_good_tasks(site: Site, mode: str, reason: str) -> None:
    """The circuit breaker trips with its reason; the same healthy tasks keep running."""
    before = {task["taskArn"] for task in site.tasks()}
    with load(site) as requests:
        time.sleep(1)
        rollout = site.outcome(site.update(taskDefinition=site.definition(site.cloud.image(mode))))
    assert rollout["status"] == "ROLLBACK_SUCCESSFUL"
    assert "circuit breaker threshold was exceeded" in rollout["statusReason"]
    assert reason in rollout["statusReason"]
    assert rollout["deploymentCircuitBreaker"]["status"] == "TRIGGERED"
    assert {task["taskArn"] for task in site.tasks()} == before
    assert requests.failures == []
    service = site.service()
    assert [(row["status"], row["rolloutState"]) for row in service["deployments"]] == [("PRIMARY", "COMPLETED")]
    assert any("deployment failed" in event["message"] for event in service["events"])


def test_a_release_can_be_stopped_and_rolled_back(site: Site) -> None:
    """StopServiceDeployment rolls back; stopping twice is a conflict."""
    before = {task["taskArn"] for task in site.tasks()}
    rollout = site.update(taskDefinition=site.definition(site.cloud.image("never")))
    site.ecs.stop_service_deployment(serviceDeploymentArn=rollout)
    assert site.outcome(rollout)["status"] == "ROLLBACK_SUCCESSFUL"
    assert {task["taskArn"] for task in site.tasks()} == before
    with pytest.raises(ClientError) as error:
        site.ecs.stop_service_deployment(serviceDeploymentArn=rollout)
    assert error.value.response["Error"]["Code"] == "ConflictException"


def test_a_release_survives_a_killed_local_cloud(site: Site) -> None:
    """After kill -9 during a rolling update, the next `up` continues it, and no request fails."""
    wanted = site.definition(site.cloud.image("good"), {"RELEASE": "3"})
    with load(site) as requests:
        rollout = site.update(taskDefinition=wanted)
        time.sleep(0.7)
        site.cloud.kill()
        site.cloud.command("up")
        assert site.outcome(rollout)["status"] == "SUCCESSFUL"
    assert {task["taskDefinitionArn"] for task in site.tasks()} == {wanted}
    assert requests.failures == []


def test_a_first_release_that_fails_has_nowhere_to_go_back_to(cloud: Cloud) -> None:
    """The deployment is FAILED, no more tasks are started, and the service can be deleted."""
    site = Site(cloud, "contract-first")
    site.serve(site.definition(cloud.image("crash")))
    rollout = site.outcome()
    assert rollout["status"] == "ROLLBACK_FAILED"
    assert "No rollback candidate" in rollout["statusReason"]
    assert site.service()["deployments"][0]["rolloutState"] == "FAILED"
    site.ecs.delete_service(cluster=site.name, service="web", force=True)
    waiter = site.ecs.get_waiter("services_inactive")
    waiter.wait(cluster=site.name, services=["web"], WaiterConfig={"Delay": 1, "MaxAttempts": 40})
