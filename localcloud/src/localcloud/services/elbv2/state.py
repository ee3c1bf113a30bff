"""ELBv2's load balancers, target groups, listeners, rules and targets as durable documents."""

from __future__ import annotations

import hashlib
import time
import uuid
from typing import TYPE_CHECKING, Any

from localcloud.gateway.protocol import ApiError, arn
from localcloud.state.table import Doc, Table

if TYPE_CHECKING:
    from localcloud.context import Context


class State:
    """All ELBv2 documents, with the look-ups that several operations share."""

    def __init__(self, ctx: Context) -> None:
        """Load the documents from the store."""
        self.ctx = ctx
        self.balancers = Table(ctx.store, "elbv2.balancer")
        self.groups = Table(ctx.store, "elbv2.group")
        self.listeners = Table(ctx.store, "elbv2.listener")
        self.rules = Table(ctx.store, "elbv2.rule")
        self.targets = Table(ctx.store, "elbv2.target")

    def arn(self, resource: str) -> str:
        """Return an ELB ARN."""
        return arn(self.ctx, "elasticloadbalancing", resource)

    def balancer(self, key: str) -> Doc:
        """Return a load balancer by ARN, or raise ApiError."""
        return found(self.balancers, key, "LoadBalancerNotFound", "Load balancer")

    def group(self, key: str) -> Doc:
        """Return a target group by ARN, or raise ApiError."""
        return found(self.groups, key, "TargetGroupNotFound", "Target group")

    def listener(self, key: str) -> Doc:
        """Return a listener by ARN, or raise ApiError."""
        return found(self.listeners, key, "ListenerNotFound", "Listener")

    def rule(self, key: str) -> Doc:
        """Return a rule by ARN, or raise ApiError."""
        return found(self.rules, key, "RuleNotFound", "Rule")

    def listeners_of(self, balancer: str) -> list[Doc]:
        """Return a load balancer's listeners."""
        return [listener for listener in self.listeners.values() if listener["LoadBalancerArn"] == balancer]

    def rules_of(self, listener: str) -> list[Doc]:
        """Return a listener's own rules by priority, without the default rule."""
        rules = [rule for rule in self.rules.values() if rule["ListenerArn"] == listener]
        return sorted(rules, key=lambda rule: int(rule["Priority"]))

    def groups_of(self, balancer: str) -> list[str]:
        """Return the ARNs of the target groups that a load balancer forwards to, in a stable order."""
        arns: set[str] = set()
        for listener in self.listeners_of(balancer):
            for holder in [
                listener["DefaultActions"],
                *(rule["Actions"] for rule in self.rules_of(listener["ListenerArn"])),
            ]:
                forwards = [action for action in holder if action["Type"] == "forward"]
                arns.update(row["TargetGroupArn"] for action in forwards for row in forwarded(action))
        return sorted(arns)

    def balancer_of(self, group: str) -> str | None:
        """Return the ARN of the load balancer that forwards to a target group, or None."""
        return next(
            (b["LoadBalancerArn"] for b in self.balancers.values() if group in self.groups_of(b["LoadBalancerArn"])),
            None,
        )

    def targets_of(self, group: str) -> list[Doc]:
        """Return a target group's targets, draining ones included."""
        return [target for target in self.targets.values() if target["TargetGroupArn"] == group]

    def tagged(self, key: str) -> tuple[Table, Doc]:
        """Return the table and the document of any taggable resource by ARN, or raise ApiError."""
        for table in (self.balancers, self.groups, self.listeners, self.rules):
            doc = table.get(key)
            if doc is not None:
                return table, doc
        kind = "TargetGroup" if ":targetgroup/" in key else "Rule" if "listener-rule" in key else "LoadBalancer"
        raise ApiError(f"{kind}NotFound", f"One or more resources not found: {key}")


def forwarded(action: Doc) -> list[Doc]:
    """Return the target groups of a forward action, each with its TargetGroupArn."""
    several: list[Doc] | None = (action.get("ForwardConfig") or {}).get("TargetGroups")
    return several or [action]


def found(table: Table, key: str, code: str, what: str) -> Doc:
    """Return a document, or raise ApiError with the given error code."""
    doc = table.get(key)
    if doc is None:
        raise ApiError(code, f"{what} '{key}' not found")
    return doc


def select(table: Table, member: str, arns: list[str] | None, code: str, what: str) -> list[Doc]:
    """Return the documents with the given ARNs (unknown ones raise ApiError), or all."""
    if arns:
        return [found(table, key, code, f"{what} ({member})") for key in arns]
    return table.values()


def target_key(group: str, target: str, port: int) -> str:
    """Return the key of a target's document."""
    return f"{group}|{target}:{port}"


def short(key: str) -> str:
    """Return a name derived from an ARN that is valid in HAProxy and stable across restarts."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def new_id() -> str:
    """Return 16 random hexadecimal digits, as at the end of ELB ARNs."""
    return uuid.uuid4().hex[:16]


def now() -> float:
    """Return the current time in seconds since 1970."""
    return time.time()


def tag_map(tags: list[dict[str, Any]] | None) -> dict[str, str]:
    """Return tags as a dictionary; refuse duplicate keys."""
    pairs = {tag["Key"]: tag.get("Value", "") for tag in tags or []}
    if len(pairs) != len(tags or []):
        raise ApiError("DuplicateTagKeys", "A tag key was specified more than once")
    return pairs
