"""Forward actions with several target groups: their shares as thresholds in HAProxy's map."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from localcloud.gateway.protocol import ApiError
from localcloud.services.elbv2 import shares
from localcloud.services.elbv2.actions import full_actions
from localcloud.services.elbv2.rendering import frontend

LISTENER: dict[str, Any] = {"ListenerArn": "l", "Port": 80, "Protocol": "HTTP"}
ATTRIBUTES = {"Attributes": dict.fromkeys(["routing.http.drop_invalid_header_fields.enabled"], "false")}


def groups(**weights: int) -> list[dict[str, Any]]:
    """Return target groups with weights."""
    return [{"TargetGroupArn": name, "Weight": weight} for name, weight in weights.items()]


def forward(**weights: int) -> list[dict[str, Any]]:
    """Return a forward action to target groups, as it is given."""
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups(**weights)}}]


def full(actions: list[dict[str, Any]], owner: str | None = None) -> list[dict[str, Any]]:
    """Return the actions of the load balancer b as they are stored."""
    known: Any = SimpleNamespace(group=lambda key: {"TargetGroupArn": key}, balancer_of=lambda _: owner)
    return full_actions(known, "b", actions)


def state(actions: list[dict[str, Any]]) -> Any:
    """Return the documents of a load balancer with one rule with the actions."""
    listener = LISTENER | {"DefaultActions": full(forward(a=1)), "LoadBalancerArn": "b"}
    rule = {"RuleArn": "r", "Actions": full(actions), "Conditions": []}
    return SimpleNamespace(listeners_of=lambda _: [listener], rules_of=lambda _: [rule])


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"a": 900, "b": 100}, [900_000, 1_000_000]),
        ({"a": 0, "b": 100}, [0, 1_000_000]),
        ({"a": 100, "b": 0}, [1_000_000, 1_000_000]),
        ({"a": 1, "b": 1, "c": 1}, [333_333, 666_667, 1_000_000]),
        ({"a": 0, "b": 0}, [0, 0]),
    ],
)
def test_each_group_takes_its_weight_of_the_requests(weights: dict[str, int], expected: list[int]) -> None:
    """Its threshold is what it and those before it get; without any weight nobody gets a request."""
    assert shares.thresholds(groups(**weights)) == expected


def test_a_change_of_weights_changes_the_map_alone() -> None:
    """The frontend stays as it is, so that HAProxy need not be reloaded."""
    before, after = state(forward(a=100, b=0)), state(forward(a=900, b=100))
    assert frontend(before, ATTRIBUTES, before.listeners_of("b")[0]) == frontend(
        after, ATTRIBUTES, after.listeners_of("b")[0]
    )
    old, new = shares.shares(before, "b"), shares.shares(after, "b")
    assert list(old) == list(new) == [shares.key("r", 0), shares.key("r", 1)]
    assert shares.commands(old, new) == [f"set map {shares.PATH} {shares.key('r', 0)} 900000"]
    assert shares.text(new) == f"{shares.key('r', 0)} 900000\n{shares.key('r', 1)} 1000000\n"


def test_an_action_with_one_group_is_rendered_as_ever() -> None:
    """No map, no random number, whatever its weight is."""
    found = state(forward(a=7))
    text = frontend(found, ATTRIBUTES, found.listeners_of("b")[0])
    assert "txn.draw" not in text
    assert shares.shares(found, "b") == {}


def test_only_an_action_with_one_group_has_it_at_the_top() -> None:
    """As ELB returns it: TargetGroupArn beside a ForwardConfig with one target group, not with two."""
    (one,), (two,) = full([{"Type": "forward", "TargetGroupArn": "a"}]), full(forward(a=1, b=0))
    assert one["TargetGroupArn"] == "a"
    assert one["ForwardConfig"]["TargetGroups"] == groups(a=1)
    assert "TargetGroupArn" not in two


@pytest.mark.parametrize(
    ("actions", "owner", "text"),
    [
        (forward(a=1000), None, "'Weight' must be 0-999; it is 1000"),
        (forward(a=1, b=1, c=1, d=1, e=1, f=1), None, "at most 5 target groups"),
        ([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups(a=1) * 2}}], None, "more than once"),
        (forward(a=1, b=1), "other", "more than one load balancer"),
    ],
)
def test_what_elb_refuses_is_refused(actions: list[dict[str, Any]], owner: str | None, text: str) -> None:
    """With the member and the value."""
    with pytest.raises(ApiError, match=text):
        full(actions, owner)
