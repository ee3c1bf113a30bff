"""Whether policies allow a request: AWS's evaluation of identity-based policies and a permissions boundary. Pure.

Source: AWS's IAM guide, "Policy evaluation logic". Service control policies, session policies and resource-based
policies are not looked at.
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
    """One thing that a request needs to be allowed."""

    action: str
    """Such as "ecs:UpdateService"."""
    resource: str = "*"
    """Its ARN; "*" where the action takes none, or it cannot be told: then only a statement on "*" allows it."""
    keys: Context = field(default_factory=dict)
    """Condition keys of this action, in lower case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rights:
    """What bears on a principal, as parsed statements."""

    identity: tuple[Statement, ...]
    boundary: tuple[Statement, ...] | None = None
    """None where there is no permissions boundary."""


def decide(rights: Rights, ask: Ask, context: Context) -> str:
    """Return why a request is refused, in the words that AWS ends its message with; "" where it is allowed.

    Args:
        rights: the principal's.
        ask: what is asked for.
        context: the request's condition keys; those of `ask` come on top.
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
    """Return "a" or "an"."""
    return "an" if word[0] in "aeiou" else "a"


def named(statements: tuple[Statement, ...], effect: str, ask: Ask, keys: Context) -> bool:
    """Tell whether a statement of the effect names what is asked for.

    Raises:
        PolicyError: one that would decide cannot be evaluated.
    """
    rows = [row for row in statements if row["Effect"] == effect]
    about = [row for row in rows if acts(row, ask.action) and reaches(row, ask.resource)]
    return any(met(row.get("Condition") or {}, keys) for row in about)


def acts(row: Statement, action: str) -> bool:
    """Tell whether a statement is about an action; actions have no case."""
    wanted = listed(row.get("Action", row.get("NotAction")))
    return any(pattern(each, any_case=True).fullmatch(action) is not None for each in wanted) != ("NotAction" in row)


def reaches(row: Statement, resource: str) -> bool:
    """Tell whether a statement is about a resource."""
    wanted = listed(row.get("Resource", row.get("NotResource")))
    if resource == "*" and "NotResource" in row:
        return bool(row["Effect"] == "Deny")  # it may be any: never allowed by what leaves some out
    return any(like(resource, each) for each in wanted) != ("NotResource" in row)


@lru_cache(maxsize=1024)
def parsed(text: str) -> tuple[Statement, ...]:
    """Return a policy document's statements.

    Raises:
        PolicyError: it is no policy.
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
    """Tell whether a role's trust policy lets a principal take the role.

    Args:
        document: the trust policy.
        kind: "Service" or "AWS".
        names: how the principal may be named, such as {"codebuild.amazonaws.com"}.
        context: the request's condition keys, such as aws:sourceaccount.

    Raises:
        PolicyError: the policy cannot be evaluated.
    """
    rows = [row for row in parsed(document) if acts(row, "sts:AssumeRole") and principal(row, kind, names)]
    effects = {row["Effect"] for row in rows if met(row.get("Condition") or {}, context)}
    return effects == {"Allow"}


def principal(row: Statement, kind: str, names: set[str]) -> bool:
    """Tell whether a trust statement is about a principal."""
    if "NotPrincipal" in row:
        raise PolicyError("NotPrincipal is not known to the local cloud")
    wanted = row.get("Principal")
    if isinstance(wanted, dict):
        return bool({*listed(wanted.get(kind, [])), *(["*"] if wanted.get(kind) == "*" else [])} & (names | {"*"}))
    return bool(wanted == "*")
