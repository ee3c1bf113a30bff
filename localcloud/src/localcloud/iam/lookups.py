"""Looks up resources whose ARN cannot be derived from a call's parameters, as the service itself would."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from localcloud.iam.roles import Roles
    from localcloud.iam.sessions import Doc


class Lookups:
    """Look-ups in ministack's modules."""

    def __init__(
        self, roles: Roles, secrets: ModuleType, keys: ModuleType, sts: ModuleType, parameters: ModuleType
    ) -> None:
        """Create look-ups from IAM's roles and ministack's modules for the services."""
        self._roles, self._secrets, self._keys, self._sts = roles, secrets, keys, sts
        self._parameters = parameters

    def find(self, region: str, kind: str, name: str) -> str | None:
        """Return the ARN of a "role", "secret" or "key" by name or partial ARN, or None.

        "key of secret" and "key of parameter" are the customer's key that encrypts it; None for an AWS managed key.

        Args:
            region: the region that the request is signed for; ministack stores secrets and keys by region.
            kind: the kind of resource.
            name: the name or partial ARN from the request.
        """
        from ministack.core import responses  # noqa: PLC0415 - as the emulator is loaded

        responses.set_request_region(region)
        if kind == "role":
            role = self._roles.get(name)
            return str(role["Arn"]) if role else None
        if kind == "secret":
            _, secret = self._secrets._resolve(name)  # noqa: SLF001 - ministack has no public name for it
            return str(secret["ARN"]) if secret else None
        if kind == "key of secret":
            name = (self._secrets._resolve(name)[1] or {}).get("KmsKeyId") or ""  # noqa: SLF001 - the same
        elif kind == "key of parameter":
            name = name if name.startswith("arn:") else name.partition(":")[0]  # without version or label
            name = (self._parameters._lookup_parameter(name)[1] or {}).get("KeyId") or ""  # noqa: SLF001 - the same
        key = self._keys._resolve_key(name)  # noqa: SLF001 - ministack has no public name for it
        return str(key["Arn"]) if key else None

    def tell(self, session: Doc, arn: str) -> None:
        """Register a session with ministack, which verifies the signatures of presigned URLs itself."""
        self._sts.register_session(session["key"], {
            "Arn": arn, "UserId": session["name"], "AccountId": arn.split(":")[4], "PrincipalType": "AssumedRole",
            "SecretAccessKey": session["secret"], "SessionToken": session["token"],
        })  # fmt: skip
