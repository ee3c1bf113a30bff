"""Resources whose ARN a call's parameters do not tell, found as the service behind the gateway finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from localcloud.iam.roles import Roles


class Lookups:
    """Asks ministack's modules."""

    def __init__(self, roles: Roles, secrets: ModuleType, keys: ModuleType) -> None:
        """Take ministack's modules of Secrets Manager and KMS."""
        self._roles, self._secrets, self._keys = roles, secrets, keys

    def find(self, kind: str, name: str) -> str | None:
        """Return the ARN of a "role", "secret" or "key" by name or part of its ARN, None where there is none."""
        if kind == "role":
            role = self._roles.get(name)
            return str(role["Arn"]) if role else None
        if kind == "secret":
            _, secret = self._secrets._resolve(name)  # noqa: SLF001
            return str(secret["ARN"]) if secret else None
        key = self._keys._resolve_key(name)  # noqa: SLF001
        return str(key["Arn"]) if key else None
