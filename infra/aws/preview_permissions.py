"""IAM statements of the preview role, one per purpose. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.names import PARAMETERS, PROJECT
from infra.aws.iam import Document, statement
from infra.aws.permissions import ALL_RESOURCES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.aws.arns import Home


def look_up(home: Home, repositories: Sequence[object], provider: str) -> list[Document]:
    """Return the permissions for what the program looks up: by provider functions (`get_...`) and of what stands.

    Args:
        home: the account and region.
        repositories: ARNs of the ECR repositories.
        provider: ARN of GitHub's OIDC provider.
    """
    read_images = ("ListImages", "DescribeImages", "DescribeRepositories", "ListTagsForResource")
    list_actions = (
        "ec2:DescribeAvailabilityZones",
        "iam:ListOpenIDConnectProviders",
        "codestar-connections:ListConnections",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
        "ecs:DescribeTaskDefinition",
        *(f"elasticloadbalancing:Describe{kind}" for kind in ("TargetGroups", "Listeners", "Rules")),
    )
    prefixes = ("codestar-connections", "codeconnections")
    read_connection = [
        f"{prefix}:{action}" for prefix in prefixes for action in ("GetConnection", "ListTagsForResource")
    ]
    return [
        # These actions have no resource type, or list whatever the account has.
        statement("LookUp", list_actions, ALL_RESOURCES),
        statement("LogInToRegistry", ["ecr:GetAuthorizationToken"], ALL_RESOURCES),
        statement("ReadImages", [f"ecr:{action}" for action in read_images], repositories),
        # The role serves all stacks of the account, and whether others run a repository's images is in their records.
        statement(
            "ReadRecords",
            ["ssm:GetParametersByPath"],
            [home.arn("ssm", f"parameter{PARAMETERS}"), home.arn("ssm", f"parameter{PARAMETERS}/*")],
        ),
        statement("ReadServices", ["ecs:DescribeServices"], [home.arn("ecs", f"service/{PROJECT}-*/*")]),
        statement("FindDatabase", ["rds:DescribeDBInstances"], [home.arn("rds", "db:*")]),
        statement("ReadProvider", ["iam:GetOpenIDConnectProvider"], [provider]),
        # The connection is looked up by name, which its ARN does not contain.
        statement("SeeConnections", read_connection, [home.arn(prefix, "connection/*") for prefix in prefixes]),
    ]


def read_state(home: Home, bucket: str | None) -> list[Document]:
    """Return the permissions to read the Pulumi state.

    Args:
        home: the account, which must own the bucket.
        bucket: name of the S3 bucket; None if the state is in another backend.
    """
    if bucket is None:
        return []
    arn, own_account = f"arn:{home.partition}:s3:::{bucket}", {"StringEquals": {"aws:ResourceAccount": home.account}}
    return [
        statement("FindState", ["s3:ListBucket"], [arn], own_account),
        statement("ReadState", ["s3:GetObject"], [f"{arn}/*"], own_account),
    ]
