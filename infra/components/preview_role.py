"""Whom GitHub Actions is while it previews a change."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra import policies

if TYPE_CHECKING:
    from collections.abc import Sequence

SESSION_SECONDS = 3600  # IAM's least


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewRoleArgs:
    """The role's name and description, who may take it, and what it may do."""

    role_name: str
    description: str
    trust: policies.Document
    statements: Sequence[policies.Document]


class PreviewRole(pulumi.ComponentResource):
    """A role that reads and changes nothing, taken with a token that GitHub gives to a job.

    - the OIDC provider that it trusts is the account's, one for all stacks, and not this one's
    """

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: PreviewRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:PreviewRole", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-preview",
            name=args.role_name,
            description=args.description,
            assume_role_policy=json.dumps(args.trust),
            max_session_duration=SESSION_SECONDS,
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-preview",
            role=role.name,
            policy=pulumi.Output.json_dumps(policies.document(*args.statements)),
            opts=child,
        )
        self.arn = pulumi.Output.all(role.arn, policy.id).apply(lambda both: str(both[0]))
        self.register_outputs({"arn": self.arn})
