"""Who may assume the role for previews, and what it may read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra.aws import iam, names, preview_permissions

if TYPE_CHECKING:
    from infra.aws.arns import Home
    from infra.config.previews import Previews
    from infra.config.stack import StackConfig

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
REMEDY = (
    f"make it, once for the account: aws iam create-open-id-connect-provider --url https://{ISSUER} "
    f"--client-id-list {AUDIENCE}"
)


def provider_arn(key: str) -> str:
    """Look up the account's OIDC provider of GitHub.

    Args:
        key: the file and key that ask for it, for messages.

    Raises:
        pulumi.RunError: the account has none, or it does not accept tokens for AWS.
    """
    try:
        provider = aws.iam.get_open_id_connect_provider(url=f"https://{ISSUER}")
    except Exception as error:
        reason = " ".join(str(error).split())
        # An invoke's error has no code, so the provider's words tell (its data source aws_iam_openid_connect_provider).
        missing = "couldn't find resource" in reason
        told = f"this account has no OIDC provider of GitHub; {REMEDY}" if missing else f"cannot be looked up: {reason}"
        raise pulumi.RunError(f"{key}: {told}") from error
    if AUDIENCE not in provider.client_id_lists:
        raise pulumi.RunError(
            f"{key}: {provider.arn} does not take audience {AUDIENCE}; run: aws iam "
            f"add-client-id-to-open-id-connect-provider --client-id {AUDIENCE} --open-id-connect-provider-arn "
            f"{provider.arn}"
        )
    return provider.arn


def trust(provider: str, section: Previews) -> iam.Document:
    """Return who may take the role: jobs of one GitHub environment of one repository, and nobody else."""
    conditions = {
        f"{ISSUER}:aud": AUDIENCE,
        f"{ISSUER}:sub": f"repo:{section.repository}:environment:{section.github_environment}",
    }
    return iam.document(
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": provider},
            "Condition": {"StringEquals": conditions},
        }
    )


def statements(config: StackConfig, section: Previews, home: Home, provider: str) -> list[iam.Document]:
    """Return what a preview without refresh reads: the state, and what the program looks up."""
    repositories = [home.repository(names.repository(service)) for service in config.environment.services]
    decrypt = [iam.statement("Decrypt", ["kms:Decrypt"], section.kms_keys)] if section.kms_keys else []
    return [
        *preview_permissions.look_up(home, repositories, provider),
        *preview_permissions.read_state(home, section.state_bucket),
        *decrypt,
    ]
