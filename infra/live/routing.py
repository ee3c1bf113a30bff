"""The order of the listener rules while services are added, removed and reordered, so that no request fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Collection

    from infra.clients import Clients
    from infra.config.stack import StackConfig
    from infra.live.records import Standing
    from infra.live.resources import Resources

LAST_PRIORITY = 50_000
"""The highest number, hence the last rule (ELBv2 CreateRule, Priority)."""


def attachments(config: StackConfig, up: Standing, resources: Resources) -> dict[str, int]:
    """Return the priorities of the rules that attach each service's target group to the load balancer.

    A service keeps the one that it recorded; one that was created before such rules existed has none, hence 0. A new
    service gets the last priority that is free.
    """
    result = {name: facts.attachment if (facts := up.facts(name)) else 0 for name in config.environment.services}
    taken = {*resources.priorities.values(), *result.values(), *_wanted(config).values()}
    for name in sorted(result):
        if not up.is_up(name):
            result[name] = _last_free(taken)
            taken.add(result[name])
    return result


def settle(clients: Clients, config: StackConfig, resources: Resources, reserved: Collection[int]) -> None:
    """Give the rules that stand the priorities that are configured, in one request, so that they can be exchanged.

    A rule that is in the way of another one, since its service is removed, becomes the last one until it is deleted.
    The rules of the listener that a certificate, or its removal, has the services leave are in nobody's way. Nothing is
    asked of AWS if nothing has to move.

    Args:
        clients: AWS clients by service.
        config: the stack's configuration.
        resources: what stands.
        reserved: priorities that this `up` gives to new rules.

    Raises:
        pulumi.RunError: AWS refuses the order; it is as it was then.
    """
    wanted = _wanted(config)
    standing = {name: one.rule for name, one in resources.services.items() if one.rule}
    own = {rule: wanted[name] for name, rule in standing.items() if name in wanted}
    moves = {rule: priority for rule, priority in own.items() if resources.priorities[rule] != priority}
    taken = {*resources.priorities.values(), *wanted.values(), *reserved}
    of_new = {priority for name, priority in wanted.items() if name not in standing}
    claimed = {(_listener(rule), priority) for rule, priority in own.items()}
    for rule, priority in resources.priorities.items():
        if rule not in own and (priority in of_new or (_listener(rule), priority) in claimed):
            moves[rule] = _last_free(taken)
            taken.add(moves[rule])
    pairs: list[Any] = [{"RuleArn": rule, "Priority": priority} for rule, priority in moves.items()]
    if pairs:
        try:
            clients("elbv2").set_rule_priorities(RulePriorities=pairs)
        except (ClientError, BotoCoreError) as error:
            raise pulumi.RunError(f"the listener rules cannot be reordered: {error}") from error


def retire(clients: Clients, config: StackConfig, resources: Resources) -> None:
    """Delete the rules of services that are removed, before Pulumi deletes their tasks."""
    for name, one in resources.services.items():
        if name not in config.environment.services and one.rule:
            clients("elbv2").delete_rule(RuleArn=one.rule)


def _wanted(config: StackConfig) -> dict[str, int]:
    return {name: section.route.priority for name, section in config.environment.services.items()}


def _listener(rule: str) -> str:
    """Return what the ARNs of a listener's rules have in common."""
    return rule.rpartition("/")[0]


def _last_free(taken: Collection[int]) -> int:
    return next(priority for priority in range(LAST_PRIORITY, 0, -1) if priority not in taken)
