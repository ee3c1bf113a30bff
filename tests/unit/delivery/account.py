"""What a fake account says of itself: who asks, what they may do, its quotas, its connection to GitHub."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.unit.delivery.aws import ACCOUNT, FakeError, pages


@dataclass(kw_only=True)
class Account:
    """STS, IAM, Service Quotas and CodeConnections."""

    arn: str = f"arn:aws:iam::{ACCOUNT}:user/me"
    denied: set[str] = field(default_factory=set)
    vcpus: float = 10.0
    builds: dict[str, float] = field(default_factory=lambda: {"Linux/Small": 5.0})
    connection: str = "AVAILABLE"
    lacks: set[str] = field(default_factory=set)
    """The service-linked roles that there are none of."""

    def get_caller_identity(self, _: dict[str, Any]) -> dict[str, Any]:
        """Return who asks."""
        return {"Account": ACCOUNT, "Arn": self.arn}

    def simulate_principal_policy(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return what they may do."""
        rows = [
            {"EvalActionName": name, "EvalDecision": "implicitDeny" if name in self.denied else "allowed"}
            for name in params["ActionNames"]
        ]
        return {"EvaluationResults": rows}

    def get_role(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return a role."""
        if params["RoleName"] in self.lacks:
            raise FakeError("NoSuchEntity")
        made = {"Path": "/", "RoleId": "AROA1234567890123", "Arn": self.arn, "CreateDate": "2026-01-01T00:00:00Z"}
        return {"Role": {"RoleName": params["RoleName"], **made}}

    def get_service_quota(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return how many vCPUs Fargate gives."""
        assert params == {"ServiceCode": "fargate", "QuotaCode": "L-3032A538"}
        return {"Quota": {"Value": self.vcpus}}

    def list_service_quotas(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return how many builds may run."""
        assert params["ServiceCode"] == "codebuild"
        name = "Concurrently running builds for {} environment"
        held = {"Others/Large": 1.0, "Others/Small": 1.0, **self.builds}
        return pages(
            "Quotas", [{"QuotaName": name.format(kind), "Value": value} for kind, value in held.items()], params
        )

    def get_connection(self, _: dict[str, Any]) -> dict[str, Any]:
        """Return the connection."""
        if not self.connection:
            raise FakeError("ResourceNotFoundException")
        return {"Connection": {"ConnectionName": "github", "ConnectionStatus": self.connection}}
