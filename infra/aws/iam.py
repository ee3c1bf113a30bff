"""IAM policy documents and statements. Pure functions; values may be Pulumi outputs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from infra.aws import names

if TYPE_CHECKING:
    from collections.abc import Sequence

Document = dict[str, Any]


def statement(
    purpose: str, actions: Sequence[str], resources: Sequence[object], condition: Document | None = None
) -> Document:
    """Return one `Allow` statement.

    Args:
        purpose: the statement ID (Sid), letters and digits only.
        actions: such as `ecr:BatchGetImage`.
        resources: ARNs, as strings or Pulumi outputs.
        condition: such as `{"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}`.
    """
    allow = {"Sid": purpose, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return allow | ({"Condition": condition} if condition else {})


def document(*statements: Document) -> Document:
    """Return a policy document of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def service_trust_policy(principal: str, *, account: str | None = None, source: str | None = None) -> str:
    """Return, as JSON, the trust policy that lets an AWS service assume a role.

    Args:
        principal: the service principal, such as `ecs-tasks.amazonaws.com`.
        account: ID of the only account that the service may act for; None for any (`aws:SourceAccount`).
        source: ARN of the only resource that the service may act for; None for any (`aws:SourceArn`).
    """
    allow: Document = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": principal}}
    condition = ({"StringEquals": {"aws:SourceAccount": account}} if account else {}) | (
        {"ArnEquals": {"aws:SourceArn": source}} if source else {}
    )
    return json.dumps(document(allow | ({"Condition": condition} if condition else {})))


def task_execution_policy(
    repository: object,
    log_group: object,
    secrets: Sequence[object],
    *,
    configured: Sequence[str] = (),
    keys: Sequence[str] = (),
) -> Document:
    """Return the policy of a task execution role: pull the image, write logs, read secrets.

    Source: Amazon ECS developer guide, "Amazon ECS task execution IAM role", "Secrets Manager or Systems Manager
    permissions".

    Args:
        repository: ARN of the service's ECR repository.
        log_group: ARN pattern of the streams of its log group.
        secrets: ARNs of the stack's own secrets, such as the database's; may be empty.
        configured: secrets and parameters that the service names, as in its task definition.
        keys: ARNs of the KMS keys that encrypt them, other than AWS's own, which need no permission.
    """
    parameters = [reference for reference in configured if names.is_parameter(reference)]
    readable = [names.secret_resource(reference) for reference in configured if reference not in parameters]
    pull = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
    statements = [
        statement("PullImage", pull, [repository]),
        # The token is the registry's: the action has no resource type (Service Authorization Reference, ECR).
        statement("LogInToRegistry", ["ecr:GetAuthorizationToken"], ["*"]),
        statement("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], [log_group]),
    ]
    if readable or secrets:
        statements.append(statement("ReadSecrets", ["secretsmanager:GetSecretValue"], [*readable, *secrets]))
    if parameters:
        statements.append(statement("ReadParameters", ["ssm:GetParameters"], parameters))
    if keys:
        via = sorted({names.service_host(reference) for reference in configured})
        condition = {"StringEquals": {"kms:ViaService": via}}
        statements.append(statement("Decrypt", ["kms:Decrypt"], keys, condition))
    return document(*statements)
