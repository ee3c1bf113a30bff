"""Policy evaluation as in AWS: identity-based policies and a permissions boundary. Pure.

Source: AWS's IAM guide, "Policy evaluation logic". Service control policies, session policies and resource-based
policies are not evaluated.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from localcloud.iam.conditions import Context, PolicyError, like, listed, met, pattern

Statement = dict[str, Any]
MEMBERS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition", "Principal", "NotPrincipal"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """One action on one resource that a request must be allowed."""

    action: str
    """The IAM action, such as "ecs:UpdateService"."""
    resource: str = "*"
    """The resource's ARN; "*" if the action has none or it is unknown: then only a statement on "*" allows it."""
    keys: Context = field(default_factory=dict)
    """Condition keys of this action, by lower-case name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rights:
    """The parsed policy statements that apply to a principal."""

    identity: tuple[Statement, ...]
    boundary: tuple[Statement, ...] | None = None
    """The permissions boundary's statements; None if there is no boundary."""


def decide(rights: Rights, ask: Ask, context: Context) -> str:
    """Return the reason for a denial, as at the end of AWS's message; "" if the request is allowed.

    Args:
        rights: the principal's policies.
        ask: the action and resource.
        context: the request's condition keys, to which those of `ask` are added.
    """
    keys = context | ask.keys
    try:
        for kind, statements in (("identity-based policy", rights.identity), ("permissions boundary", rights.boundary)):
            if statements is not None and named(statements, "Deny", ask, keys):
                return f"with an explicit deny in {article(kind)} {kind}"
        for kind, statements in (("identity-based policy", rights.identity), ("permissions boundary", rights.boundary)):
            if statements is not None and not named(statements, "Allow", ask, keys):
                return f"because no {kind} allows the {ask.action} action"
    except PolicyError as error:
        return f"because {error}"
    return ""


def article(word: str) -> str:
    """Return the indefinite article for a word."""
    return "an" if word[0] in "aeiou" else "a"


def named(statements: tuple[Statement, ...], effect: str, ask: Ask, keys: Context) -> bool:
    """Tell whether a statement with this effect applies.

    Raises:
        PolicyError: a statement on this action and resource cannot be evaluated.
    """
    rows = [row for row in statements if row["Effect"] == effect]
    about = [row for row in rows if acts(row, ask.action) and reaches(row, ask.resource)]
    return any(met(row.get("Condition") or {}, keys) for row in about)


def acts(row: Statement, action: str) -> bool:
    """Tell whether a statement's actions match, case-insensitively."""
    wanted = listed(row.get("Action", row.get("NotAction")))
    return any(pattern(each, any_case=True).fullmatch(action) is not None for each in wanted) != ("NotAction" in row)


def reaches(row: Statement, resource: str) -> bool:
    """Tell whether a statement's resources match."""
    wanted = listed(row.get("Resource", row.get("NotResource")))
    if resource == "*" and "NotResource" in row:
        return bool(row["Effect"] == "Deny")  # it may be any: a NotResource never allows it
    return any(like(resource, each) for each in wanted) != ("NotResource" in row)


@lru_cache(maxsize=1024)
def parsed(text: str) -> tuple[Statement, ...]:
    """Parse a policy document and return its statements.

    Raises:
        PolicyError: it is not a policy document.
    """
    try:
        rows = json.loads(text)["Statement"]
    except (ValueError, KeyError, TypeError) as error:
        raise PolicyError(f"a policy cannot be read: {type(error).__name__}") from error
    found = tuple(rows if isinstance(rows, list) else [rows])
    for row in found:
        if not isinstance(row, dict) or row.get("Effect") not in ("Allow", "Deny"):
            raise PolicyError("a policy has a statement without an Effect")
        if unknown := sorted(set(row) - MEMBERS):
            raise PolicyError(f"a policy's {unknown[0]} is not known to the local cloud")
    return found


def trusted(document: str, kind: str, names: set[str], context: Context) -> bool:
    """Tell whether a trust policy allows a principal to assume the role.

    Args:
        document: the trust policy.
        kind: "Service" or "AWS".
        names: the principal's possible names, such as {"codebuild.amazonaws.com"}.
        context: the request's condition keys, such as aws:sourceaccount.

    Raises:
        PolicyError: the policy cannot be evaluated.
    """
    rows = [row for row in parsed(document) if acts(row, "sts:AssumeRole") and principal(row, kind, names)]
    effects = {row["Effect"] for row in rows if met(row.get("Condition") or {}, context)}
    return effects == {"Allow"}


def principal(row: Statement, kind: str, names: set[str]) -> bool:
    """Tell whether a trust policy statement's Principal matches."""
    if "NotPrincipal" in row:
        raise PolicyError("NotPrincipal is not known to the local cloud")
    wanted = row.get("Principal")
    if isinstance(wanted, dict):
        return bool({*listed(wanted.get(kind, [])), *(["*"] if wanted.get(kind) == "*" else [])} & (names | {"*"}))
    return bool(wanted == "*")
