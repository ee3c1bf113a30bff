"""Whether ECS can shift a service's traffic, and which target group has it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from localcloud.gateway.protocol import ApiError
from localcloud.iam.authority import DeniedError
from localcloud.services.ecs.traffic import Traffic

BALANCER: dict[str, Any] = {
    "targetGroupArn": "a",
    "advancedConfiguration": {"alternateTargetGroupArn": "b", "productionListenerRule": "rule", "roleArn": "role"},
}
DEPLOYMENT: dict[str, Any] = {"loadBalancers": [BALANCER], "groups": ["b"]}


class Rule:
    """A production listener rule with weights, and what is asked of it."""

    def __init__(self, **weights: int) -> None:
        """Take the weights."""
        self.known = weights
        self.asked: list[dict[str, int]] = []

    def weights(self, _rule: str) -> dict[str, int]:
        """Return the weights."""
        return self.known

    def owner(self, rule: str) -> tuple[str, str]:
        """Return the IAM action that changes the rule."""
        return "elasticloadbalancing:ModifyRule", rule

    def shift(self, _rule: str, weights: dict[str, int]) -> bool:
        """Set the weights."""
        self.asked.append(weights)
        return True


def traffic(rule: Rule, denied: str = "") -> Traffic:
    """Return the traffic of a rule; the infrastructure role lacks the action `denied`."""

    def require(_session: object, action: str, resource: str) -> None:
        if action == denied:
            raise DeniedError(f"not authorized to perform: {action} on resource: {resource}")

    sessions = SimpleNamespace(end=lambda _: None)
    iam = SimpleNamespace(assume=lambda *_: {}, require=require, sessions=sessions)
    ctx: Any = SimpleNamespace(iam=iam)
    typed: Any = rule
    return Traffic(ctx, typed, typed)


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ({"a": 100, "b": 0}, ""),
        ({"a": 100}, "Target group b is not associated with either productionListenerRule or testListenerRule."),
        ({"a": 0, "b": 0, "c": 1}, "Production listener rule is forwarding traffic to unexpected target group c."),
        ({"a": 50, "b": 50}, "should have exactly one target group serving traffic but found 2 target groups"),
    ],
)
def test_a_rule_that_ecs_cannot_shift_is_told_in_aws_words(weights: dict[str, int], text: str) -> None:
    """As in the guide's "Troubleshooting Amazon ECS blue/green deployments"."""
    found = traffic(Rule(**weights)).problem(DEPLOYMENT, settled=True)
    assert text in found
    assert bool(found) is bool(text)


def test_an_infrastructure_role_without_rights_is_named() -> None:
    """With the action and the resource that it lacks."""
    found = traffic(Rule(a=100, b=0), "elasticloadbalancing:ModifyRule").problem(DEPLOYMENT, settled=True)
    assert "missing permissions on ECS Infrastructure Role 'role'" in found
    assert "elasticloadbalancing:ModifyRule on resource: rule" in found


def test_a_share_becomes_the_weights_of_both_target_groups() -> None:
    """Those of the deployment's own, and of the other one."""
    rule = Rule(a=100, b=0)
    assert traffic(rule).shift(DEPLOYMENT, 5)
    assert rule.asked[-1] == {"a": 950, "b": 50}


def test_the_target_group_with_the_larger_weight_serves() -> None:
    """The service's own, if neither has any."""
    assert [traffic(Rule(**given)).serving([BALANCER]) for given in ({"a": 0, "b": 100}, {"a": 1, "b": 0}, {})] == [
        ["b"], ["a"], ["a"],
    ]  # fmt: skip


def test_changes_that_would_leave_requests_without_tasks_are_refused() -> None:
    """Giving up the settings while the other target group serves; canaries from target groups that are elsewhere."""
    shifted = traffic(Rule(a=0, b=100))
    with pytest.raises(ApiError, match="while b gets the traffic"):
        shifted.check_removal([BALANCER], [{"targetGroupArn": "a"}])
    shifted.check_removal([BALANCER], [{"targetGroupArn": "b"}])
    with pytest.raises(ApiError, match="from target group z"):
        shifted.check_change(["z"], [BALANCER])
    with pytest.raises(ApiError, match="is not associated with both targetGroup and alternateTargetGroup"):
        traffic(Rule(a=1)).check([BALANCER])
