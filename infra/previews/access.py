"""The trust policy and the permissions of the preview role."""

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
    f"create it, once per account: aws iam create-open-id-connect-provider --url https://{ISSUER} "
    f"--client-id-list {AUDIENCE}"
)


def provider_arn(key: str) -> str:
    """Return the ARN of the account's OIDC provider for GitHub.

    Args:
        key: file and key of the section, for messages.

    Raises:
        pulumi.RunError: the account has none, or it does not accept the audience `sts.amazonaws.com`.
    """
    try:
        provider = aws.iam.get_open_id_connect_provider(url=f"https://{ISSUER}")
    except Exception as error:  # errors of provider functions have neither a type nor a code
        reason = " ".join(str(error).split())
        # The message of the Terraform data source aws_iam_openid_connect_provider.
        missing = "couldn't find resource" in reason
        message = (
            f"this account has no OIDC provider for GitHub; {REMEDY}" if missing else f"cannot be looked up: {reason}"
        )
        raise pulumi.RunError(f"{key}: {message}") from error
    if AUDIENCE not in provider.client_id_lists:
        raise pulumi.RunError(
            f"{key}: {provider.arn} does not accept audience {AUDIENCE}; run: aws iam "
            f"add-client-id-to-open-id-connect-provider --client-id {AUDIENCE} --open-id-connect-provider-arn "
            f"{provider.arn}"
        )
    return provider.arn


def trust_policy(provider: str, section: Previews) -> iam.Document:
    """Return the trust policy: only jobs of one GitHub environment in one repository may assume the role.

    Args:
        provider: ARN of the OIDC provider.
        section: `slipway:previews`.
    """
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
    """Return the permissions of `pulumi preview` without refresh: read the state and call provider functions.

    Args:
        config: the stack's configuration.
        section: `slipway:previews`.
        home: the account and region.
        provider: ARN of the OIDC provider.
    """
    repositories = [home.repository(names.repository(service)) for service in config.environment.services]
    decrypt = [iam.statement("Decrypt", ["kms:Decrypt"], section.kms_keys)] if section.kms_keys else []
    return [
        *preview_permissions.look_up(home, repositories, provider),
        *preview_permissions.read_state(home, section.state_bucket),
        *decrypt,
    ]
