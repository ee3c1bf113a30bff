"""Who may preview a change: what the section `slipway:previews` becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra import naming, policies, rights
from infra.arns import Home
from infra.components.preview_role import PreviewRoleArgs

if TYPE_CHECKING:
    from infra import settings
    from infra.setting_previews import Previews

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
REMEDY = (
    f"make it, once for the account: aws iam create-open-id-connect-provider --url https://{ISSUER} "
    f"--client-id-list {AUDIENCE}"
)


def survey(chosen: settings.Settings) -> PreviewRoleArgs | None:
    """Return the role for previews, None where there is no section; looks things up, creates nothing.

    Raises:
        pulumi.RunError: the account does not know GitHub's tokens.
    """
    wanted = chosen.previews
    if wanted is None:
        return None
    key = f"Pulumi.{chosen.stack}.yaml: slipway:previews"
    try:
        provider = aws.iam.get_open_id_connect_provider(url=f"https://{ISSUER}")
    except Exception as error:
        reason = " ".join(str(error).split())
        # The provider's words (its data source aws_iam_openid_connect_provider).
        missing = "couldn't find resource" in reason
        told = f"this account has no OIDC provider of GitHub; {REMEDY}" if missing else f"cannot be looked up: {reason}"
        raise pulumi.RunError(f"{key}: {told}") from error
    if AUDIENCE not in provider.client_id_lists:
        raise pulumi.RunError(
            f"{key}: {provider.arn} does not take audience {AUDIENCE}; run: aws iam "
            f"add-client-id-to-open-id-connect-provider --client-id {AUDIENCE} --open-id-connect-provider-arn "
            f"{provider.arn}"
        )
    home = Home(
        partition=aws.get_partition().partition,
        region=aws.get_region().region,
        account=aws.get_caller_identity().account_id,
    )
    return PreviewRoleArgs(
        role_name=naming.preview_role(chosen.stack),
        description=f"pulumi preview of {wanted.repository}",
        trust=trust(provider.arn, wanted),
        statements=statements(chosen, wanted, home, provider.arn),
    )


def trust(provider: str, wanted: Previews) -> policies.Document:
    """Return who may take the role: jobs of one GitHub environment of one repository, and nobody else."""
    conditions = {
        f"{ISSUER}:aud": AUDIENCE,
        f"{ISSUER}:sub": f"repo:{wanted.repository}:environment:{wanted.github_environment}",
    }
    return policies.document(
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": provider},
            "Condition": {"StringEquals": conditions},
        }
    )


def statements(chosen: settings.Settings, wanted: Previews, home: Home, provider: str) -> list[policies.Document]:
    """Return what a preview without refresh reads: the state, and what the program looks up."""
    names = [naming.repository(service) for service in chosen.environment.services]
    found = [
        *rights.look_up(home, [home.repository(name) for name in names], provider),
        *rights.read_state(home, wanted.state_bucket),
    ]
    return [*found, *([policies.statement("Decrypt", ["kms:Decrypt"], wanted.kms_keys)] if wanted.kms_keys else [])]
