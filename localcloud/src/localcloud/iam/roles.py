"""Roles in the emulated IAM: policies, permissions boundary, trust policy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from localcloud.iam.conditions import PolicyError
from localcloud.iam.policies import Rights, Statement, parsed

if TYPE_CHECKING:
    from types import ModuleType

Doc = dict[str, Any]


class Roles:
    """Reads roles from ministack's memory, so that IAM changes apply from the next request on."""

    def __init__(self, iam: ModuleType, account: str) -> None:
        """Create the reader from ministack's IAM module."""
        self._iam, self._account = iam, account

    def get(self, arn_or_name: str) -> Doc | None:
        """Return a role by ARN or name, as stored by ministack, or None."""
        name = arn_or_name.rpartition("/")[2] if ":" in arn_or_name else arn_or_name
        found: Doc | None = self._iam._roles.get_scoped(self._account, None, name)  # noqa: SLF001 - ministack has no public name for it
        return found if found is not None and arn_or_name in (name, found["Arn"]) else None

    def rights(self, arn: str) -> Rights:
        """Return a role's policies and boundary; empty if the role does not exist.

        Raises:
            PolicyError: a policy cannot be parsed.
        """
        role = self.get(arn)
        if role is None:
            return Rights(identity=())
        attached = [self._managed(policy) for policy in role.get("AttachedPolicies") or []]
        documents = [*(role.get("InlinePolicies") or {}).values(), *attached]
        boundary = role.get("PermissionsBoundary")
        return Rights(
            identity=tuple(row for document in documents for row in statements(document)),
            boundary=statements(self._managed(boundary)) if boundary else None,
        )

    def trust(self, arn: str) -> str:
        """Return a role's trust policy; one that trusts nobody if the role does not exist."""
        role = self.get(arn)
        return text_of(role["AssumeRolePolicyDocument"]) if role else '{"Statement": []}'

    def _managed(self, arn: str) -> object:
        """Return the document of a managed policy's default version."""
        policy = self._iam._lookup_policy(arn)  # noqa: SLF001 - ministack has no public name for it
        if policy is None:
            raise PolicyError(f"the managed policy {arn} does not exist in the local cloud")
        return policy["Versions"][policy["DefaultVersionId"]]["Document"]


def statements(document: object) -> tuple[Statement, ...]:
    """Return a policy document's statements; ministack stores documents as text or parsed."""
    return parsed(text_of(document))


def text_of(document: object) -> str:
    """Return a policy document as JSON text."""
    return document if isinstance(document, str) else json.dumps(document)
