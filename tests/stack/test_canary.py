"""A service whose releases are tried by a canary."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from infra.config.errors import ConfigError
from infra.live.resources import Resources, Running
from tests.stack import program

if TYPE_CHECKING:
    from tests.fake_engine import FakeEngine

PRIMARY, ALTERNATE = "", "arn:aws:elasticloadbalancing:eu-central-1:000000000000:targetgroup/alternate/1"
"""The target group that the fake account's records name, and another."""
CANARY = {"percent": 20, "minutes": 3}


def staging(patch: pytest.MonkeyPatch, standing: Running | None = None, **keys: object) -> FakeEngine:
    """Run staging with these keys of its service, which stands as is said."""
    config: dict[str, Any] = program.stack_file("staging")
    config["slipway:environment"]["services"]["web"] |= keys
    found = Resources(services={"web": standing}) if standing else None
    return program.run(patch, config, engine=program.account(), resources=found)[0]


def running(*, canary: bool, serving: str = PRIMARY, deploying: bool = False) -> Running:
    """Return what stands."""
    return Running(
        health_path=None,
        health_status=None,
        uses_database=True,
        providers=frozenset(),
        rule=None,
        port=8080,
        canary=canary,
        serving=frozenset({serving}),
        deploying=deploying,
    )


def test_ecs_moves_requests_between_two_target_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the listener rule, which exists before the service, with a role for nothing else."""
    engine = staging(monkeypatch, canary=CANARY)
    service, rule = engine.one("ecs/service:Service"), engine.one("ListenerRule", "staging-web")
    (target,) = service.inputs["loadBalancers"]
    advanced = target["advancedConfiguration"]
    assert target["targetGroupArn"].endswith("TargetGroup/staging-web")
    assert advanced["alternateTargetGroupArn"].endswith("TargetGroup/staging-web-alt")
    assert advanced["productionListenerRule"].endswith("ListenerRule/staging-web")
    weights = [one["weight"] for one in rule.inputs["actions"][0]["forward"]["targetGroups"]]
    assert weights == [100, 0]
    assert service.inputs["deploymentConfiguration"] == {
        "strategy": "CANARY",
        "bakeTimeInMinutes": "0",
        "canaryConfiguration": {"canaryPercent": 20, "canaryBakeTimeInMinutes": "3"},
    }
    assert "deploymentCircuitBreaker" not in service.inputs
    assert "actions" not in rule.ignored
    policy = json.loads(engine.one("RolePolicy", "staging-web-canary").inputs["policy"])
    assert [one["Sid"] for one in policy["Statement"]] == ["ReadLoadBalancers", "RegisterTasks", "MoveRequests"]


def test_weights_that_ecs_has_moved_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an odd number of releases they are the other way round."""
    engine = staging(monkeypatch, running(canary=True, serving=ALTERNATE), canary=CANARY)
    assert engine.one("ListenerRule", "staging-web").ignored == ["actions"]


def test_switching_it_on_gives_the_rule_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands has one target group. The provider would send port 0 if it was ignored while the rest changes."""
    engine = staging(monkeypatch, running(canary=False), canary=CANARY)
    assert "loadBalancers[0].containerPort" not in engine.one("ecs/service:Service").ignored
    assert "actions" not in engine.one("ListenerRule", "staging-web").ignored


def test_switching_it_off_says_rolling_since_the_provider_keeps_what_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """And declares the one target group again."""
    engine = staging(monkeypatch, running(canary=True))
    assert engine.one("ecs/service:Service").inputs["deploymentConfiguration"] == {"strategy": "ROLLING"}
    assert "actions" not in engine.one("ListenerRule", "staging-web").ignored
    assert "forward" not in engine.one("ListenerRule", "staging-web").inputs["actions"][0]


def test_switching_it_off_is_refused_while_the_alternate_target_group_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be deleted with the tasks that serve."""
    told = (
        r"web.canary is gone; service web stands with a canary; the alternate target group serves, .* "
        r"delivery restart --stack staging --service web, then remove it"
    )
    with pytest.raises(ConfigError, match=told):
        staging(monkeypatch, running(canary=True, serving=ALTERNATE))


@pytest.mark.parametrize("keys", [{"canary": CANARY}, {}])
def test_neither_on_nor_off_goes_while_a_deployment_is_under_way(
    monkeypatch: pytest.MonkeyPatch, keys: dict[str, object]
) -> None:
    """ECS takes a change of the strategy between deployments only."""
    with pytest.raises(ConfigError, match="a deployment of it is under way; wait until it is over: delivery status"):
        staging(monkeypatch, running(canary=not keys, deploying=True), **keys)


def test_the_port_cannot_move_with_a_canary(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deploy step may not pass the role that an update of the load balancer names."""
    with pytest.raises(ConfigError, match=r"web\.port is 9000; service web listens on 8080; with a canary"):
        staging(monkeypatch, running(canary=True), canary=CANARY, port=9000)


def test_with_a_rollback_alarm_the_old_tasks_stay_as_long_as_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each target group has an alarm of its own, and ECS watches both."""
    engine = staging(monkeypatch, canary=CANARY, rollback_alarm={"minutes": 2})
    service = engine.one("ecs/service:Service")
    assert service.inputs["deploymentConfiguration"]["bakeTimeInMinutes"] == "3"
    alarms = {one.inputs["name"]: one.inputs for one in engine.of("MetricAlarm")}
    names = ["slipway-staging-web-rollback", "slipway-staging-web-rollback-alt"]
    assert service.inputs["alarms"]["alarmNames"] == names
    assert {alarms[name]["metricName"] for name in names} == {"HTTPCode_Target_5XX_Count"}
    assert {"slipway-staging-web-5xx", "slipway-staging-web-alt-5xx", "slipway-staging-web-alt-unhealthy"} <= set(
        alarms
    )


def test_pulumi_does_not_roll_out_by_a_canary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would end one whose tasks fail."""
    config: dict[str, Any] = program.stack_file("staging")
    config["slipway:environment"]["rollout"] = "pulumi"
    config["slipway:environment"]["services"]["web"]["canary"] = {}
    with pytest.raises(
        ConfigError, match=r"web.canary is set although `pulumi up` rolls out; .* set rollout: pipeline"
    ):
        program.run(monkeypatch, config, engine=program.account())


def test_the_minutes_of_a_canary_count_as_part_of_a_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The defaults fit with an alarm; an hour does not."""
    staging(monkeypatch, canary={}, rollback_alarm={})
    with pytest.raises(ConfigError, match=r"canary.minutes is 60; a deployment may take \d+ s with it .* canary 3600"):
        staging(monkeypatch, canary={"minutes": 60})


def test_no_service_is_named_like_the_alternate_target_group_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a canary the name is free."""
    config: dict[str, Any] = program.stack_file("staging")
    services = config["slipway:environment"]["services"]
    services["web-alt"] = {"context": "app", "route": {"paths": ["/alt/*"], "priority": 5}}
    program.run(monkeypatch, config, engine=program.account())
    services["web"]["canary"] = {}
    with pytest.raises(ConfigError, match="web-alt is the name of the alternate target group of service web"):
        program.run(monkeypatch, config, engine=program.account())


def test_a_name_too_long_for_the_alternate_target_group_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes four characters more."""
    config: dict[str, Any] = program.stack_file("staging")
    services = config["slipway:environment"]["services"]
    services["shop-checkout"] = {
        "context": "app", "route": {"paths": ["/shop/*"], "priority": 5}, "canary": {},
    }  # fmt: skip
    with pytest.raises(ConfigError, match=r"shop-checkout\.canary needs a shorter name of its service; "):
        program.run(monkeypatch, config, engine=program.account())
