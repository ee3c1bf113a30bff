"""Weights of a rule's target groups, read and written by other services: ECS shifts traffic with them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.services.elbv2.proxies import Proxies
    from localcloud.services.elbv2.state import State
    from localcloud.state.table import Doc

LOG = logging.getLogger(__name__)
Weights = dict[str, int]
"""Weights by target group."""


class Shifting:
    """Reads and writes the weights of rules, default rules included."""

    def __init__(self, state: State, proxies: Proxies) -> None:
        """Use ELBv2's documents and the proxies."""
        self._state, self._proxies = state, proxies
        self._applied: dict[str, Weights] = {}
        self._jobs: dict[str, asyncio.Task[None]] = {}

    def weights(self, rule: str) -> Weights:
        """Return a rule's target groups with their weights; empty if it does not exist or forwards to none."""
        found = self._action(rule)
        rows = found[1]["ForwardConfig"]["TargetGroups"] if found and found[1]["Type"] == "forward" else []
        return {row["TargetGroupArn"]: row["Weight"] for row in rows}

    def owner(self, rule: str) -> tuple[str, str]:
        """Return the IAM action that changes a rule, and its resource: a default rule is changed with its listener."""
        found = self._action(rule)
        if found and "DefaultRule" in found[0]:
            return "elasticloadbalancing:ModifyListener", found[0]["ListenerArn"]
        return "elasticloadbalancing:ModifyRule", rule

    def shift(self, rule: str, weights: Weights) -> bool:
        """Set the weights of a rule's target groups; call it until it returns that they are in effect.

        The others get none. A rule that does not exist any more has no weights, and counts as done.
        """
        found = self._action(rule)
        if found is None or found[1]["Type"] != "forward":
            return True
        holder, action = found
        rows = action["ForwardConfig"]["TargetGroups"]
        wanted = {row["TargetGroupArn"]: weights.get(row["TargetGroupArn"], 0) for row in rows}
        if self.weights(rule) != wanted:
            self._applied.pop(rule, None)
            for row in rows:
                row["Weight"] = wanted[row["TargetGroupArn"]]
            table = self._state.listeners if "DefaultRule" in holder else self._state.rules
            table.save(holder["ListenerArn" if "DefaultRule" in holder else "RuleArn"])
        if self._applied.get(rule) == wanted:
            return True
        if rule not in self._jobs:
            self._jobs[rule] = asyncio.create_task(self._apply(rule, holder["ListenerArn"], wanted))
        return False

    async def _apply(self, rule: str, listener: str, wanted: Weights) -> None:
        try:
            await self._proxies.apply(self._state.listener(listener)["LoadBalancerArn"])
            self._applied[rule] = wanted
        except Exception:  # logged, and tried again at the next call
            LOG.exception("the weights of %s", rule)
        finally:
            del self._jobs[rule]

    def _action(self, rule: str) -> tuple[Doc, Doc] | None:
        """Return the document that holds a rule's action, its own or its listener's, and the action."""
        own = self._state.rules.get(rule)
        if own is not None:
            return own, own["Actions"][0]
        listener = next((row for row in self._state.listeners.values() if row["DefaultRule"] == rule), None)
        return (listener, listener["DefaultActions"][0]) if listener else None
