"""What a canary deployment's settings may be, and where its tasks and its traffic go."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.gateway.protocol import ApiError
from localcloud.services.ecs import strategies

RULE = "arn:aws:elasticloadbalancing:eu-central-1:000000000000:listener-rule/app/x/1/2/3"


def balancer(**changed: str) -> dict[str, Any]:
    """Return a load balancer that shifts traffic between the target groups a and b."""
    own = {"alternateTargetGroupArn": "b", "productionListenerRule": RULE, "roleArn": "r"} | changed
    return {"targetGroupArn": "a", "advancedConfiguration": own}


def canary(**members: object) -> dict[str, Any]:
    """Return a deployment configuration with a canary's settings."""
    return {"strategy": "CANARY", "canaryConfiguration": members}


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(0.1, (999, 1)), (5.0, (950, 50)), (20.0, (800, 200)), (99.9, (1, 999)), (100.0, (0, 100)), (0, (100, 0))],
)
def test_shares_are_weights_that_elb_takes(percent: float, expected: tuple[int, int]) -> None:
    """In thousandths, since ELB's weights are from 0 to 999; all or nothing is 100 and 0."""
    assert strategies.weights(percent) == expected


def test_a_canary_has_defaults_and_a_rolling_update_has_no_canary() -> None:
    """5 percent and ten minutes."""
    full = strategies.completed({"strategy": "CANARY"})
    assert full["canaryConfiguration"] == {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10}
    assert strategies.completed({"strategy": "ROLLING", "canaryConfiguration": {}}) == {"strategy": "ROLLING"}


@pytest.mark.parametrize(
    ("configuration", "text"),
    [
        (canary(canaryPercent=0), "multiple of 0.1"),
        (canary(canaryPercent=100.1), "multiple of 0.1"),
        (canary(canaryPercent=5.55), "multiple of 0.1"),
        (canary(canaryBakeTimeInMinutes=1441), "canaryBakeTimeInMinutes must be from 0 to 1440"),
        (canary() | {"bakeTimeInMinutes": -1}, "bakeTimeInMinutes must be from 0 to 1440"),
        ({"canaryConfiguration": {"canaryPercent": 5}}, "only valid when the deployment strategy is CANARY"),
    ],
)
def test_settings_outside_the_documented_ranges_are_refused(configuration: dict[str, Any], text: str) -> None:
    """As ECS's API reference states them."""
    with pytest.raises(ApiError, match=text):
        strategies.check(configuration)


def test_settings_within_the_ranges_are_taken() -> None:
    """Percentages with one decimal place included."""
    for percent in (0.1, 0.3, 33.3, 99.9, 100):
        strategies.check(canary(canaryPercent=percent, canaryBakeTimeInMinutes=0) | {"bakeTimeInMinutes": 1440})


@pytest.mark.parametrize(
    ("balancers", "text"),
    [
        ([{"targetGroupArn": "a"}], "advancedConfiguration field is required for all loadBalancers"),
        ([], "without load balancers"),
        ([balancer(productionListenerRule="arn:aws:x:listener/app/1")], "has an invalid ARN format"),
        ([balancer(testListenerRule=RULE)], "does not support advancedConfiguration.testListenerRule"),
        ([balancer(roleArn="")], "advancedConfiguration.roleArn must be specified"),
        ([balancer(alternateTargetGroupArn="a")], "Duplicate targetGroupArn found: a"),
    ],
)
def test_load_balancers_that_cannot_shift_traffic_are_refused(balancers: list[dict[str, Any]], text: str) -> None:
    """In AWS's words, where its guide has them."""
    with pytest.raises(ApiError, match=text):
        strategies.check_balancers(canary(), balancers)


def test_all_load_balancers_shift_traffic_or_none() -> None:
    """Whatever the strategy is; those of rolling updates may be prepared for canary deployments."""
    with pytest.raises(ApiError, match="Either all or none"):
        strategies.check_balancers({"strategy": "ROLLING"}, [balancer(), {"targetGroupArn": "c"}])
    strategies.check_balancers({"strategy": "ROLLING"}, [balancer()])
    strategies.check_balancers({}, [{"targetGroupArn": "c"}])


def test_each_deployment_uses_the_target_group_that_the_last_one_did_not() -> None:
    """From the first to the other and back."""
    assert strategies.others([balancer()], ["a"]) == ["b"]
    assert strategies.others([balancer()], ["b"]) == ["a"]


def test_the_blue_deployment_is_that_of_the_last_completed_revision() -> None:
    """Not a canary that was replaced before it completed."""
    green, replaced, blue = ({"revision": name} for name in ("green", "replaced", "blue"))
    service = {"deployments": [green, replaced, blue], "completedRevision": "blue"}
    assert strategies.source(service, green) is blue
    assert strategies.source(service | {"completedRevision": None}, green) is None


def test_a_rollback_to_a_time_before_canaries_keeps_what_the_next_canary_needs() -> None:
    """The earlier revision's load balancer gets the present advancedConfiguration, if it is the same one."""
    old: list[dict[str, Any]] = [{"targetGroupArn": "a", "containerPort": 80}, {"targetGroupArn": "z"}]
    first, second = strategies.with_shifting(old, [balancer()])
    assert first == old[0] | {"advancedConfiguration": balancer()["advancedConfiguration"]}
    assert second == old[1]
