"""Shares of a forward action with several target groups: thresholds in a map that HAProxy's runtime API changes.

Each request draws a number below `WHOLE`; a target group takes those below its threshold that no earlier one takes.
A change of weights alone is a change of the map: it applies to the next request of every connection, without a reload.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.services.elbv2.state import short
from localcloud.settings import NAME

if TYPE_CHECKING:
    from localcloud.services.elbv2.state import State
    from localcloud.state.table import Doc

WHOLE = 1_000_000
FILE = "shares.map"
PATH = f"/run/{NAME}/{FILE}"
"""Where the container has the map."""
Shares = dict[str, int]
"""Thresholds by key."""


def weighted(actions: list[dict[str, Any]]) -> list[Doc]:
    """Return the target groups of a forward action to several; empty for any other action."""
    groups: list[Doc] = (actions[0].get("ForwardConfig") or {}).get("TargetGroups", []) if actions else []
    return groups if actions and actions[0]["Type"] == "forward" and len(groups) > 1 else []


def thresholds(groups: list[Doc]) -> list[int]:
    """Return the threshold of each target group: what it and those before it get of `WHOLE`; zeros without weights."""
    whole, sums, running = sum(group["Weight"] for group in groups), [], 0
    for group in groups:
        running += group["Weight"]
        sums.append(round(running * WHOLE / whole) if whole else 0)
    return sums


def lines(holder: str, groups: list[Doc], when: str) -> list[str]:
    """Return the lines of a frontend that forward to one of several target groups.

    Args:
        holder: the ARN of the rule, or of the listener for its default action.
        groups: the target groups with their weights, which are read from the map.
        when: the condition under which the action applies, with a space before.
    """
    found = [f"  http-request set-var(txn.draw) rand({WHOLE}){when}"]
    for index, group in enumerate(groups):
        found.append(
            f"  http-request set-var(txn.share{index}) str({key(holder, index)}),map_str_int({PATH},0){when}",
        )
        found.append(
            f"  use_backend g_{short(group['TargetGroupArn'])}{when} "
            f"{{ var(txn.draw),sub(txn.share{index}) -m int lt 0 }}",
        )
    return found


def key(holder: str, index: int) -> str:
    """Return the key of a target group's threshold in the map."""
    return f"{short(holder)}.{index}"


def shares(state: State, balancer: str) -> Shares:
    """Return a load balancer's map; empty if it has no action with several target groups."""
    holders = []
    for listener in state.listeners_of(balancer):
        holders.append((listener["ListenerArn"], listener["DefaultActions"]))
        holders += [(rule["RuleArn"], rule["Actions"]) for rule in state.rules_of(listener["ListenerArn"])]
    return {
        key(holder, index): value
        for holder, actions in holders
        for index, value in enumerate(thresholds(weighted(actions)))
    }


def text(found: Shares) -> str:
    """Return the map as a file."""
    return "".join(f"{name} {value}\n" for name, value in found.items())


def commands(before: Shares, after: Shares) -> list[str]:
    """Return the runtime API commands that turn one map into another with the same keys."""
    return [f"set map {PATH} {name} {value}" for name, value in after.items() if before.get(name) != value]
