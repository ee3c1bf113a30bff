"""Listener rules are reordered in one request, and no rule forwards to a service that does not serve."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest
from botocore.exceptions import ClientError

from infra.live import routing
from infra.live.records import Standing
from infra.live.resources import Resources, Running
from tests.unit.infra.test_changes import facts, load


class Balancers:
    """An ELBv2 client that remembers what it was asked."""

    def __init__(self, refusal: str = "") -> None:
        """Refuse every order with this code, if given."""
        self.moves: list[dict[str, int]] = []
        self.deleted: list[str] = []
        self._refusal = refusal

    def __call__(self, service: str) -> Balancers:
        """Return the client."""
        assert service == "elbv2"
        return self

    def set_rule_priorities(self, *, RulePriorities: list[dict[str, Any]]) -> None:  # noqa: N803 - boto3's name
        """Remember one request."""
        if self._refusal:
            raise ClientError({"Error": {"Code": self._refusal, "Message": "no"}}, "SetRulePriorities")
        self.moves.append({one["RuleArn"]: one["Priority"] for one in RulePriorities})

    def delete_rule(self, *, RuleArn: str) -> None:  # noqa: N803 - boto3's name
        """Remember a rule."""
        self.deleted.append(RuleArn)


def config(**priorities: int) -> Any:  # noqa: ANN401 - a configuration
    """Return a configuration with these services."""
    return load(
        {
            "services": {
                name: {
                    "context": "app",
                    "route": {"paths": [f"/{name}/*"], "priority": priority},
                    "version_path": "none",
                }
                for name, priority in priorities.items()
            }
        }
    )


def resources(*, others: dict[str, int] | None = None, **priorities: int) -> Resources:
    """Return services with the priorities of their rules, and further rules."""
    services = {
        name: Running(
            health_path="/", health_status="200", uses_database=False, providers=frozenset(), rule=f"rule-{name}"
        )
        for name in priorities
    }
    rules = {f"rule-{name}": priority for name, priority in priorities.items()}
    return Resources(services=services, priorities=rules | (others or {}))


def moves(wanted: Any, stands: Resources, reserved: tuple[int, ...] = ()) -> list[dict[str, int]]:  # noqa: ANN401
    """Return the requests that bring rules into the order of a configuration."""
    client = Balancers()
    routing.settle(client, wanted, stands, reserved)
    return client.moves


def test_rules_in_order_are_left_alone() -> None:
    """AWS is not asked for anything."""
    assert moves(config(web=100), resources(web=100)) == []


def test_priorities_are_exchanged_in_one_request() -> None:
    """One after the other would end in PriorityInUse."""
    assert moves(config(web=50, api=100), resources(web=100, api=50)) == [{"rule-web": 50, "rule-api": 100}]


def test_the_rule_of_a_removed_service_gives_way_to_the_new_one() -> None:
    """It goes on serving as the last rule until the new service is steady."""
    assert moves(config(site=100), resources(web=100), reserved=(50000,)) == [{"rule-web": 49999}]


def test_a_rule_that_an_interrupted_up_left_gives_way_too() -> None:
    """Its service recorded nothing, since it was never steady."""
    stands = resources(web=50000, others={"rule-half": 100})
    assert moves(config(web=100), stands) == [{"rule-web": 100, "rule-half": 49999}]


def test_a_rule_in_nobodys_way_stays() -> None:
    """Whoever made it."""
    assert moves(config(web=100), resources(web=100, others={"rule-other": 7})) == []


def test_the_rules_of_the_listener_that_services_leave_keep_their_order() -> None:
    """An `up` that was interrupted while HTTPS was switched on left each service's rule on both listeners."""
    http = {f"http/{name}": priority for name, priority in {"web": 100, "api": 50}.items()}
    assert moves(config(web=100, api=50), resources(web=100, api=50, others=http)) == []


def test_an_order_that_aws_refuses_ends_the_up() -> None:
    """With the reason in one line."""
    with pytest.raises(pulumi.RunError, match=r"the listener rules cannot be reordered: .*TooManyRules"):
        routing.settle(Balancers("TooManyRules"), config(web=50), resources(web=100), ())


def test_a_removed_service_is_off_the_load_balancer_first() -> None:
    """Its tasks stop afterwards; those that stay keep their rules."""
    client = Balancers()
    routing.retire(client, config(web=100), resources(web=100, api=50))
    assert client.deleted == ["rule-api"]


def test_a_new_service_gets_the_last_free_priority_for_its_attachment() -> None:
    """One that recorded its own keeps it, and one that was created without has none."""
    up = Standing({"web": facts(attachment=50000), "old": facts()})
    stands = resources(web=100, old=70, others={"rule-x": 49999})
    assert routing.attachments(config(web=100, old=70, new=49998), up, stands) == {"new": 49997, "old": 0, "web": 50000}


def test_services_of_a_new_stack_get_one_each() -> None:
    """They are created side by side."""
    assert routing.attachments(config(web=100, api=50), Standing({}), Resources()) == {"api": 50000, "web": 49999}
