"""Maps an API call to what IAM has to authorize: actions, resources, condition keys. Pure.

Source: AWS's Service Authorization Reference, which says what each action's resource is. A call that may refer to
two resources must be allowed on both; one whose resource cannot be determined must be allowed on "*".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.iam.operation_resources import READERS, Names, role_arn, structure
from localcloud.iam.policies import Ask

if TYPE_CHECKING:
    from localcloud.iam.calls import Call
    from localcloud.iam.conditions import Context


def asks(call: Call, names: Names) -> list[Ask]:
    """Return everything that a call must be authorized for; empty if AWS requires no permission.

    Args:
        call: a call of any service but S3.
        names: resolves names to ARNs in the call's region.
    """
    if call.action == "sts:GetCallerIdentity":
        return []
    reader = READERS.get(call.service)
    resources, keys = reader(call, names) if reader else ([], {})
    found = [Ask(action=call.action, resource=resource, keys=keys) for resource in resources or ["*"]]
    return [*found, *passed(call, names), *further(call, resources or ["*"], keys)]


def further(call: Call, resources: list[str], keys: Context) -> list[Ask]:
    """Return the additional actions that a call requires."""
    if call.action == "ecs:RegisterTaskDefinition" and call.params.get("tags"):
        created = keys | {"ecs:createaction": call.operation}
        return [Ask(action="ecs:TagResource", resource=resource, keys=created) for resource in resources]
    if call.action == "secretsmanager:BatchGetSecretValue":
        return [Ask(action="secretsmanager:GetSecretValue")]
    return []


def passed(call: Call, names: Names) -> list[Ask]:
    """Return iam:PassRole for each role that a call passes to a service."""
    p = call.params
    service, roles = "", []
    if call.service == "ecs":
        service, roles = "ecs-tasks.amazonaws.com", passed_to_tasks(call, names)
    elif call.service == "codebuild":
        service, roles = "codebuild.amazonaws.com", [p.get("serviceRole"), p.get("serviceRoleOverride")]
    elif call.service == "codepipeline":
        pipeline = structure(p.get("pipeline"))
        service, roles = "codepipeline.amazonaws.com", [pipeline.get("roleArn")]
    keys: Context = {"iam:passedtoservice": service}
    return [Ask(action="iam:PassRole", resource=role_arn(str(role), names), keys=keys) for role in roles if role]


def passed_to_tasks(call: Call, names: Names) -> list[object]:
    """Return the roles that an ECS call passes to tasks, including those of the task definition that it runs."""
    p = call.params
    if call.operation == "RegisterTaskDefinition":
        return [p.get("taskRoleArn"), p.get("executionRoleArn")]
    if call.operation in ("RunTask", "StartTask", "CreateService", "UpdateService") and p.get("taskDefinition"):
        overrides = structure(p.get("overrides"))
        return [*names.roles(str(p["taskDefinition"])), overrides.get("taskRoleArn"), overrides.get("executionRoleArn")]
    return []
