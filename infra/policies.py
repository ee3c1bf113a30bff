"""Policy documents: IAM's and the image registry's. Pure functions; values may be Pulumi outputs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

Document = dict[str, Any]


def statement(
    purpose: str, actions: Sequence[str], resources: Sequence[object], condition: Document | None = None
) -> Document:
    """Return one `Allow` statement.

    Args:
        purpose: letters only, shown in IAM as the statement's name.
        actions: such as `ecr:BatchGetImage`.
        resources: ARNs, as strings or Pulumi outputs.
        condition: such as `{"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}`.
    """
    allow = {"Sid": purpose, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return allow | ({"Condition": condition} if condition else {})


def document(*statements: Document) -> Document:
    """Return a policy of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trust(principal: str, *, account: str | None = None, source: str | None = None) -> str:
    """Return, as JSON, the policy that lets an AWS service take a role.

    Args:
        principal: such as `ecs-tasks.amazonaws.com`.
        account: where given, the service may do so for this account only.
        source: where given, for the resource of this ARN only.
    """
    allow: Document = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": principal}}
    condition = ({"StringEquals": {"aws:SourceAccount": account}} if account else {}) | (
        {"ArnEquals": {"aws:SourceArn": source}} if source else {}
    )
    return json.dumps(document(allow | ({"Condition": condition} if condition else {})))


def task_execution(repository: object, log_group: object, secrets: Sequence[object]) -> Document:
    """Return what ECS needs to start a service's task, and no more.

    Args:
        repository: ARN of the service's image repository.
        log_group: ARN of its log group.
        secrets: ARNs of the Secrets Manager secrets that the task is given; may be empty.
    """
    pull = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
    statements = [
        statement("PullImage", pull, [repository]),
        # The token is the registry's, not a repository's: AWS takes no resource here (IAM reference of ECR).
        statement("LogInToRegistry", ["ecr:GetAuthorizationToken"], ["*"]),
        statement("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], [log_group]),
    ]
    if secrets:
        statements.append(statement("ReadSecrets", ["secretsmanager:GetSecretValue"], secrets))
    return document(*statements)


def private_bucket(arn: object, account: str) -> Document:
    """Return a bucket's policy: over TLS only, and for principals of this account only.

    Args:
        arn: of the bucket.
        account: its number.
    """
    everything = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, _within(arn)]}
    # A service that acts for the account has no account of its own.
    foreign = {
        "StringNotEquals": {"aws:PrincipalAccount": account},
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
    }
    return document(
        everything | {"Sid": "DenyPlainText", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        everything | {"Sid": "DenyOtherAccounts", "Condition": foreign},
    )


def _within(arn: object) -> object:
    """Return the ARN pattern of everything in a bucket; the ARN may be a Pulumi output."""
    apply = getattr(arn, "apply", None)
    return apply(lambda text: f"{text}/*") if apply else f"{arn}/*"


def topic(arn: object, account: str, principals: Sequence[str]) -> Document:
    """Return a topic's policy: AWS's services may publish to it, for this account.

    Args:
        arn: of the topic.
        account: its number.
        principals: such as `cloudwatch.amazonaws.com`.
    """
    allow = statement("PublishForTheAccount", ["sns:Publish"], [arn])
    return document(
        allow
        | {"Principal": {"Service": list(principals)}, "Condition": {"StringEquals": {"aws:SourceAccount": account}}}
    )


def image_lifecycle(*, releases: int, accepted: int, built: int, candidate_days: int) -> str:
    """Return, as JSON, which images ECR may remove.

    An image that a rule of higher priority matches can never be expired by a lower one (ECR's documentation),
    so the most valuable tags come first: a released image is kept although it is also an old candidate.

    Args:
        releases: how many images that production ran are kept.
        accepted: how many images that passed acceptance are kept.
        built: how many images that Pulumi pushed by content hash are kept.
        candidate_days: after how many days an image that never passed is removed.
    """
    rules = [
        _keep(1, "released-", releases),
        _keep(2, "accepted-", accepted),
        _keep(3, "content-", built),
        _expire(4, {"tagStatus": "tagged", "tagPrefixList": ["candidate-"]}, candidate_days),
        _expire(5, {"tagStatus": "untagged"}, 1),
    ]
    return json.dumps({"rules": rules})


def _keep(priority: int, prefix: str, count: int) -> Document:
    selection = {"tagStatus": "tagged", "tagPrefixList": [prefix], "countType": "imageCountMoreThan"}
    return _rule(priority, f"Keep {count} of {prefix}*", selection | {"countNumber": count})


def _expire(priority: int, which: Document, days: int) -> Document:
    selection = which | {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": days}
    return _rule(priority, f"Remove the others after {days} days", selection)


def _rule(priority: int, description: str, selection: Document) -> Document:
    action = {"type": "expire"}
    return {"rulePriority": priority, "description": description, "selection": selection, "action": action}
