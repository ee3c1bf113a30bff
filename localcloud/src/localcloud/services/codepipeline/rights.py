"""The permissions that the pipeline's role needs before an action starts.

Source: AWS's CodePipeline guide, "Manage the CodePipeline service role".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError
from localcloud.iam.authority import DeniedError

if TYPE_CHECKING:
    from localcloud.services.codepipeline.state import State
    from localcloud.state.table import Doc

SERVICE = "codepipeline.amazonaws.com"
Need = tuple[str, str]
"""An IAM action and a resource."""


def require(state: State, execution: Doc, action: Doc) -> None:
    """Refuse to start an action if its role, or otherwise the pipeline's role, lacks a permission.

    Raises:
        ApiError: a permission is missing; the message is AWS's.
    """
    require_of(state, execution, action["declared"].get("roleArn"), needs(state, action))


def require_of(state: State, execution: Doc, role: str | None, needed: list[Need]) -> None:
    """Refuse what the role, or otherwise the pipeline's role, has no permission for.

    Raises:
        ApiError: a permission is missing; the message is AWS's.
    """
    pipeline, iam = execution["pipeline"], state.ctx.iam
    try:
        own = role or state.structure(execution)["roleArn"]
        session = iam.assume(own, SERVICE, pipeline[:64], f"pipeline {pipeline}")
        for name, resource in needed:
            iam.require(session, name, resource)
    except DeniedError as error:
        raise ApiError("PermissionError", f"The provided role does not have sufficient permissions: {error}") from error


def needs(state: State, action: Doc) -> list[Need]:
    """Return the permissions that an action with a resolved configuration needs."""
    configuration = action["resolved"]
    found = [("s3:PutObject", f"arn:aws:s3:::{row['bucket']}/{row['key']}") for row in action["outputs"]]
    connection = configuration.get("ConnectionArn")
    if connection:
        found.append((f"{connection.split(':')[2]}:UseConnection", connection))
    if action["type"]["provider"] == "CodeBuild":
        ctx = state.ctx
        project = f"arn:aws:codebuild:{ctx.region}:{ctx.account}:project/{configuration['ProjectName']}"
        found = [("codebuild:StartBuild", project), ("codebuild:BatchGetBuilds", project)]
    if "NotificationArn" in configuration:
        found.append(("sns:Publish", configuration["NotificationArn"]))
    return found
