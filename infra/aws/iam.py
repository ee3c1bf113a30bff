"""IAM policy documents and their statements. Pure functions; values may be Pulumi outputs."""

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
