"""Canary deployments with real tasks and real requests: shares of traffic, no failed request, and the way back."""

from __future__ import annotations

import collections
import json
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.exceptions import ClientError

from support.cloud import Site
from support.load import Load
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.cloud import Cloud

CANARY = {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 20.0, "canaryBakeTimeInMinutes": 1}}
QUICK = {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 20.0, "canaryBakeTimeInMinutes": 0}}
ALARMS = {"alarmNames": ["canary"], "enable": True, "rollback": True}
NOTHING = [{"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}]
POLICY = "arn:aws:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"


class CanarySite(Site):
    """A site whose listener has a rule for two target groups, and a role by which ECS may change it."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        """Create the other target group, the rule and the role."""
        super().__init__(cloud, name)
        self.other = self.target_group(f"{name}-b")
        groups = [{"TargetGroupArn": self.group, "Weight": 100}, {"TargetGroupArn": self.other, "Weight": 0}]
        self.rule = self.elb.create_rule(
            ListenerArn=self.listener, Priority=1, Conditions=[{"Field": "path-pattern", "Values": ["*"]}],
            Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}],
        )["Rules"][0]["RuleArn"]  # fmt: skip
        self.role = cloud.role(f"{name}-elb", NOTHING, json.dumps({"Service": "ecs.amazonaws.com"}))
        iam = cloud.client("iam")
        iam.delete_role_policy(RoleName=f"{name}-elb", PolicyName="own")
        iam.attach_role_policy(RoleName=f"{name}-elb", PolicyArn=POLICY)

    def balancers(self, **changed: str) -> list[dict[str, Any]]:
        """Return the service's load balancers, with changes of their advancedConfiguration."""
        own = {"alternateTargetGroupArn": self.other, "productionListenerRule": self.rule, "roleArn": self.role}
        base = {"targetGroupArn": self.group, "containerName": "app", "containerPort": 8080}
        return [base | {"advancedConfiguration": own | changed}]

    def weights(self) -> tuple[int, int]:
        """Return the weights of the two target groups."""
        action = self.elb.describe_rules(RuleArns=[self.rule])["Rules"][0]["Actions"][0]
        found = {row["TargetGroupArn"]: row["Weight"] for row in action["ForwardConfig"]["TargetGroups"]}
        return found[self.group], found[self.other]

    def release(self, name: str, mode: str = "good", **more: object) -> str:
        """Begin to release a version; returns the ARN of the service deployment."""
        return self.update(taskDefinition=self.definition(self.cloud.image(mode), {"RELEASE": name}), **more)

    def rollout(self, arn: str) -> dict[str, Any]:
        """Describe a service deployment."""
        return dict(self.ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0])

    def reached(self, arn: str, stage: str, share: float | None = None) -> dict[str, Any]:
        """Wait until a service deployment is in a lifecycle stage, with a share of the traffic."""

        def there() -> bool:
            row = self.rollout(arn)
            given = row["targetServiceRevision"].get("requestedProductionTrafficWeight")
            assert row["status"] in ("PENDING", "IN_PROGRESS"), row
            return row.get("lifecycleStage") == stage and share in (None, given)

        until(there, lambda: (self.rollout(arn), self.service()["events"][:4]))
        return self.rollout(arn)

    def answers(self, count: int) -> collections.Counter[str]:
        """Send requests over one connection; returns the number of answers by release."""
        found: collections.Counter[str] = collections.Counter()
        with httpx.Client(base_url=f"http://{self.host}", timeout=30) as client:
            for _ in range(count):
                answer = client.get("/")
                assert answer.status_code == 200
                found[answer.text.split()[0]] += 1
        return found


@pytest.fixture(scope="module")
def site(cloud: Cloud) -> Iterator[CanarySite]:
    """Two healthy tasks of a service that is up by rolling updates, and an alarm that stays as it is set."""
    site = CanarySite(cloud, "contract-canary")
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName="canary", Namespace="tests", MetricName="none", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore",
    )  # fmt: skip
    turn(cloud, "OK")
    site.serve(site.definition(cloud.image("good"), {"RELEASE": "1"}))
    assert site.outcome()["status"] == "SUCCESSFUL"
    yield site
    site.ecs.delete_service(cluster=site.name, service="web", force=True)


def turn(cloud: Cloud, state: str) -> None:
    """Set the alarm's state."""
    cloud.client("cloudwatch").set_alarm_state(AlarmName="canary", StateValue=state, StateReason="by the test")


def load(site: Site) -> Load:
    """Return 20 requests a second with keep-alive, some of which take 2 s."""
    return Load(f"http://{site.host}", "/slow", rate=20)


def test_a_rolling_service_becomes_a_canary_service_and_shifts_traffic_by_share(site: CanarySite) -> None:
    """In one update: about a fifth of the requests get the new version while it bakes, then all; none fails."""
    with load(site) as requests:
        rollout = site.release("2", deploymentConfiguration=CANARY, loadBalancers=site.balancers())
        row = site.reached(rollout, "PRODUCTION_TRAFFIC_SHIFT", 20.0)
        assert row["sourceServiceRevisions"][0]["requestedProductionTrafficWeight"] == 80.0
        until(lambda: site.weights() == (800, 200))
        assert len(site.tasks()) == 4
        time.sleep(0.5)
        found = site.answers(400)
        assert set(found) == {"1", "2"}
        assert 48 <= found["2"] <= 112, found  # a fifth, within four standard deviations
        assert [row["rolloutState"] for row in site.service()["deployments"]] == ["IN_PROGRESS", "COMPLETED"]
        done = site.outcome(rollout)
        assert done["status"] == "SUCCESSFUL"
        assert set(site.answers(20)) == {"2"}
    assert requests.failures == []
    assert site.weights() == (0, 100)
    assert len(site.tasks()) == 2
    revision = site.ecs.describe_service_revisions(serviceRevisionArns=[done["targetServiceRevision"]["arn"]])
    (resolved,) = revision["serviceRevisions"][0]["resolvedConfiguration"]["loadBalancers"]
    assert resolved == {"targetGroupArn": site.other, "productionListenerRule": site.rule}


def test_the_next_deployment_uses_the_target_groups_the_other_way_round(site: CanarySite) -> None:
    """With bake times of 0 it takes seconds; the service's own settings stay as they were given."""
    with load(site) as requests:
        rollout = site.outcome(site.release("3", deploymentConfiguration=QUICK))
    assert (rollout["status"], rollout["lifecycleStage"]) == ("SUCCESSFUL", "CLEAN_UP")
    assert requests.failures == []
    assert site.weights() == (100, 0)
    assert site.service()["loadBalancers"] == site.balancers()


@pytest.mark.parametrize("by", ["alarm", "a user", "a user after a kill"])
def test_all_traffic_goes_back_when_a_canary_is_stopped(site: CanarySite, by: str) -> None:
    """By an alarm or by StopServiceDeployment: the blue tasks, which still run, get all of it at once."""
    turn(site.cloud, "OK")
    before, weights = {task["taskArn"] for task in site.tasks()}, site.weights()
    (old,) = site.answers(5)
    with load(site) as requests:
        rollout = site.release(f"bad-{by[-4:]}", deploymentConfiguration=CANARY | {"alarms": ALARMS})
        site.reached(rollout, "PRODUCTION_TRAFFIC_SHIFT", 20.0)
        until(lambda: sorted(site.weights()) == [200, 800])
        if by == "a user after a kill":
            site.cloud.kill()
            site.cloud.command("up")
            assert sorted(site.weights()) == [200, 800]
            assert len(site.answers(60)) == 2
        begun = time.monotonic()
        if by == "alarm":
            turn(site.cloud, "ALARM")
        else:
            site.ecs.stop_service_deployment(serviceDeploymentArn=rollout)
        until(lambda: site.weights() == weights)
        assert time.monotonic() - begun < 5
        time.sleep(0.5)
        assert set(site.answers(50)) == {old}
        done = site.outcome(rollout)
    assert done["status"] == "ROLLBACK_SUCCESSFUL"
    assert ("alarms [canary] were triggered" in done["statusReason"]) is (by == "alarm")
    assert requests.failures == []
    assert {task["taskArn"] for task in site.tasks()} == before
    turn(site.cloud, "OK")


@pytest.mark.parametrize("mode", ["crash", "never"])
def test_tasks_that_never_become_healthy_get_no_traffic(site: CanarySite, mode: str) -> None:
    """The circuit breaker ends the deployment in SCALE_UP, before the rule is changed at all."""
    before, weights = {task["taskArn"] for task in site.tasks()}, site.weights()
    with load(site) as requests:
        done = site.outcome(site.release("bad", mode, deploymentConfiguration=QUICK))
    assert done["status"] == "ROLLBACK_SUCCESSFUL"
    assert "circuit breaker threshold was exceeded" in done["statusReason"]
    assert requests.failures == []
    assert ({task["taskArn"] for task in site.tasks()}, site.weights()) == (before, weights)


def test_an_update_during_a_canary_replaces_it(site: CanarySite) -> None:
    """The traffic goes back to the blue tasks, the first canary is removed, and the second one takes its place."""
    with load(site) as requests:
        first = site.release("replaced", deploymentConfiguration=CANARY)
        site.reached(first, "PRODUCTION_TRAFFIC_SHIFT", 20.0)
        done = site.outcome(site.release("4", deploymentConfiguration=QUICK))
    assert site.rollout(first)["status"] == "STOPPED"
    assert done["status"] == "SUCCESSFUL"
    assert set(site.answers(20)) == {"4"}
    assert requests.failures == []
    assert len(site.tasks()) == 2


def test_an_aborted_canary_stays_as_it_is_until_the_next_deployment(site: CanarySite) -> None:
    """Both versions keep their shares; the next deployment first gives the blue one all traffic."""
    with load(site) as requests:
        rollout = site.release("aborted", deploymentConfiguration=CANARY)
        site.reached(rollout, "PRODUCTION_TRAFFIC_SHIFT", 20.0)
        site.ecs.stop_service_deployment(serviceDeploymentArn=rollout, stopType="ABORT")
        assert site.outcome(rollout)["status"] == "STOPPED"
        time.sleep(2)
        assert set(site.answers(80)) == {"4", "aborted"}
        assert site.outcome(site.release("5", deploymentConfiguration=QUICK))["status"] == "SUCCESSFUL"
    assert set(site.answers(20)) == {"5"}
    assert requests.failures == []


def test_a_canary_service_goes_back_to_rolling_updates(site: CanarySite) -> None:
    """Its tasks stay in the target group that serves; the settings for canaries can be given up only from there."""
    with load(site) as requests:
        site.update(deploymentConfiguration={"strategy": "ROLLING", "alarms": ALARMS | {"enable": False}})
        assert "canaryConfiguration" not in site.service()["deploymentConfiguration"]
        weights = site.weights()
        done = site.outcome(site.release("6"))
        assert (done["status"], site.weights()) == ("SUCCESSFUL", weights)
        serving, idle = (site.group, site.other) if weights[0] else (site.other, site.group)
        plain = {"containerName": "app", "containerPort": 8080}
        with pytest.raises(ClientError, match=r"while .* gets the traffic"):
            site.update(loadBalancers=[plain | {"targetGroupArn": idle}])
        done = site.outcome(site.update(loadBalancers=[plain | {"targetGroupArn": serving}]))
        assert done["status"] == "SUCCESSFUL"
    assert set(site.answers(20)) == {"6"}
    assert requests.failures == []


def test_a_service_can_begin_with_the_canary_strategy(cloud: Cloud) -> None:
    """Its first deployment has nothing to shift traffic from, and serves at once; the second one does."""
    site = CanarySite(cloud, "contract-canary-1")
    first = site.definition(cloud.image("good"), {"RELEASE": "1"})
    site.serve(first, 1, deploymentConfiguration=CANARY, loadBalancers=site.balancers())
    assert site.outcome()["status"] == "SUCCESSFUL"
    assert (set(site.answers(10)), site.weights()) == ({"1"}, (100, 0))
    site.release("never", "never", deploymentConfiguration=QUICK)
    with pytest.raises(ClientError, match="cannot be changed before"):
        site.update(deploymentConfiguration={"strategy": "ROLLING"})
    site.ecs.stop_service_deployment(serviceDeploymentArn=site.service()["currentServiceDeployment"])
    assert site.outcome()["status"] == "ROLLBACK_SUCCESSFUL"
    assert site.outcome(site.release("2"))["status"] == "SUCCESSFUL"
    assert (set(site.answers(10)), site.weights()) == ({"2"}, (0, 100))
    site.ecs.delete_service(cluster=site.name, service="web", force=True)


def test_what_ecs_cannot_shift_is_refused(site: CanarySite) -> None:
    """In AWS's words: at once, or as the reason for which the deployment is rolled back."""
    listener = site.listener
    cases: list[tuple[dict[str, Any], str]] = [
        ({"deploymentConfiguration": CANARY}, "advancedConfiguration field is required for all loadBalancers"),
        ({"loadBalancers": site.balancers(productionListenerRule=listener)}, "has an invalid ARN format"),
        ({"loadBalancers": site.balancers(alternateTargetGroupArn=site.group)}, "Duplicate targetGroupArn found"),
        ({"loadBalancers": site.balancers(testListenerRule=site.rule)}, r"does not support .*testListenerRule"),
        ({"deploymentConfiguration": {"canaryConfiguration": {"canaryPercent": 5}}}, "only valid when"),
    ]
    for change, text in cases:
        with pytest.raises(ClientError, match=text):
            site.update(**change)
    before: Callable[[], set[str]] = lambda: {task["taskArn"] for task in site.tasks()}  # noqa: E731 - asked twice
    known = before()
    site.cloud.role(f"{site.name}-none", NOTHING, json.dumps({"Service": "ecs.amazonaws.com"}))
    role = site.role.replace("-elb", "-none")
    rollout = site.release("x", deploymentConfiguration=QUICK, loadBalancers=site.balancers(roleArn=role))
    done = site.outcome(rollout)
    assert done["status"] == "ROLLBACK_SUCCESSFUL"
    assert "because of invalid networking configuration. ECS was unable to manage" in done["statusReason"]
    assert "elasticloadbalancing:ModifyRule" in done["statusReason"]
    assert before() == known
