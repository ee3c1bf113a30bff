"""Names of resources and their ARNs in the calls of an API, for authorization. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from localcloud.iam.calls import Params
    from localcloud.iam.conditions import Context

ARN = "arn:"


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """Resolves names to ARNs."""

    account: str
    region: str
    find: Callable[[str, str], str | None] = lambda _kind, _name: None
    """Looks up the ARN of a resource ("secret", "role", "key") if it cannot be derived from the name, or that of a
    customer's key that encrypts one ("key of secret", "key of parameter"); None if there is none."""
    roles: Callable[[str], list[str]] = lambda _definition: []
    """Returns the roles of a task definition."""

    def arn(self, service: str, resource: str) -> str:
        """Return an ARN in the call's region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def each(self, service: str, kind: str, names: Iterable[object]) -> list[str]:
        """Return the ARNs of resources given by name or ARN; no names means all resources."""
        found = [str(name) if str(name).startswith(ARN) else self.arn(service, f"{kind}{name}") for name in names]
        return found or ["*"]


Reading = tuple[list[str], "Context"]
"""The resources and condition keys of a call."""


def role_arn(role: str, names: Names) -> str:
    """Return a role's ARN, given its ARN or name."""
    return role if role.startswith(ARN) else names.find("role", role) or f"arn:aws:iam::{names.account}:role/{role}"


def structure(value: object) -> Params:
    """Return the value if it is a structure, else an empty one."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[Any]:
    """Return the value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def last(text: object) -> str:
    """Return the part of a name or ARN after the last slash."""
    return str(text).rpartition("/")[2]
