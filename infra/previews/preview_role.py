"""The IAM role that GitHub Actions assumes for previews."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra.aws import iam, names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.config.previews import Previews as Section

SESSION_SECONDS = 3600  # the minimum of IAM CreateRole, MaxSessionDuration


class PreviewRole(pulumi.ComponentResource):
    """A read-only role that a GitHub Actions job assumes with its OIDC token.

    - the OIDC provider belongs to the account, not to this stack

    Args:
        name: of the stack.
        section: `slipway:previews`.
        trust_policy: which jobs may assume it.
        statements: its permissions.
    """

    arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        section: Section,
        *,
        trust_policy: iam.Document,
        statements: Sequence[iam.Document],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("slipway:infra:PreviewRole", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-preview",
            name=names.preview_role(name),
            description=f"pulumi preview of {section.repository}",
            assume_role_policy=json.dumps(trust_policy),
            max_session_duration=SESSION_SECONDS,
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-preview",
            role=role.name,
            policy=pulumi.Output.json_dumps(iam.document(*statements)),
            opts=child,
        )
        self.arn = pulumi.Output.all(role.arn, policy.id).apply(lambda both: str(both[0]))
        self.register_outputs({"arn": self.arn})
