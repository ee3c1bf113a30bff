"""Maps an API call to what IAM has to authorize: actions, resources, condition keys. Pure.

Source: AWS's Service Authorization Reference, which says what each action's resource is. A call that may refer to
two resources must be allowed on both; one whose resource cannot be determined must be allowed on "*".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.iam.names import role_arn, rows, structure
from localcloud.iam.operation_resources import READERS
from localcloud.iam.policies import Ask

if TYPE_CHECKING:
    from localcloud.iam.calls import Call
    from localcloud.iam.conditions import Context
    from localcloud.iam.names import Names

TAGGING = {
    "application-autoscaling": "application-autoscaling:TagResource",
    "codeconnections": "codeconnections:TagResource",
    "codepipeline": "codepipeline:TagResource",
    "codestar-notifications": "codestar-notifications:TagResource",
    "ec2": "ec2:CreateTags",
    "ecr": "ecr:TagResource",
    "ecs": "ecs:TagResource",
    "elasticloadbalancing": "elasticloadbalancing:AddTags",
    "iam": "iam:TagRole",
    "logs": "logs:TagResource",
    "monitoring": "cloudwatch:TagResource",
    "rds": "rds:AddTagsToResource",
    "sns": "sns:TagResource",
    "ssm": "ssm:AddTagsToResource",
}
"""The action that a service requires beside that of creating, where the new resource is given tags."""
ENCRYPTION_CONTEXT = {"secretsmanager": "secretarn", "ssm": "parameter_arn"}
"""Services that decrypt for a reader, and the member of the encryption context that has the ARN of what is read."""


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
    return [*found, *passed(call, names), *further(call, resources or ["*"], keys, names)]


def further(call: Call, resources: list[str], keys: Context, names: Names) -> list[Ask]:
    """Return the additional actions that a call requires."""
    if call.action == "secretsmanager:BatchGetSecretValue":
        return [Ask(action="secretsmanager:GetSecretValue")]
    found = []
    if call.service in TAGGING and tags_what_it_creates(call):
        created = keys | ({"ecs:createaction": call.operation} if call.service == "ecs" else {})
        if call.action == "codeconnections:CreateConnection":  # which itself takes no resource
            resources = [names.arn("codeconnections", "connection/*")]
        found = [Ask(action=TAGGING[call.service], resource=resource, keys=created) for resource in resources]
    # "Permissions required for Secrets Manager integration" (RDS guide).
    if call.service == "rds" and call.params.get("ManageMasterUserPassword") == "true":
        secret = names.arn("secretsmanager", "secret:rds!db-*")
        found += [Ask(action=f"secretsmanager:{name}", resource=secret) for name in ("CreateSecret", "TagResource")]
        found.append(Ask(action="kms:DescribeKey", resource=names.arn("kms", "key/*")))
    if call.service in ENCRYPTION_CONTEXT:
        found += decryptions(call, resources, names)
    if call.service == "codepipeline":
        found += [Ask(action=f"{arn.split(':')[2]}:PassConnection", resource=arn) for arn in connections(call)]
    return found


def decryptions(call: Call, resources: list[str], names: Names) -> list[Ask]:
    """Return kms:Decrypt for each secret or parameter that a call reads and that a customer's key encrypts.

    Those of a list or a path of which only the service knows what is in it are left out.
    """
    p = call.params
    if call.action == "secretsmanager:GetSecretValue":
        read, kind = [str(p.get("SecretId"))], "key of secret"
    elif call.operation in ("GetParameter", "GetParameters") and p.get("WithDecryption"):
        read, kind = [str(name) for name in (p.get("Name"), *rows(p.get("Names"))) if name], "key of parameter"
    else:
        return []
    via, member = f"{call.service}.{names.region}.amazonaws.com", ENCRYPTION_CONTEXT[call.service]
    found = [(names.find(kind, name), resource) for name, resource in zip(read, resources, strict=False)]
    return [
        Ask(
            action="kms:Decrypt",
            resource=key,
            keys={"kms:viaservice": via, f"kms:encryptioncontext:{member}": resource},
        )
        for key, resource in found
        if key
    ]


def tags_what_it_creates(call: Call) -> bool:
    """Tell whether a call gives tags to a resource that it creates; in the query protocol they are dotted."""
    given = (name for name, value in call.params.items() if name.lower().startswith("tag") and value)
    return call.operation.startswith(("Create", "Put", "Register")) and "Tag" not in call.operation and any(given)


def connections(call: Call) -> list[str]:
    """Return the ARNs of the connections that a pipeline is given."""
    stages = rows(structure(call.params.get("pipeline")).get("stages"))
    actions = [structure(action) for stage in stages for action in rows(structure(stage).get("actions"))]
    found = [structure(action.get("configuration")).get("ConnectionArn") for action in actions]
    return [str(arn) for arn in found if arn]


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
    elif call.action == "ec2:CreateFlowLogs":
        service, roles = "vpc-flow-logs.amazonaws.com", [p.get("DeliverLogsPermissionArn")]
    keys: Context = {"iam:passedtoservice": service}
    found = [Ask(action="iam:PassRole", resource=role_arn(str(role), names), keys=keys) for role in roles if role]
    keys = {"iam:passedtoservice": "ecs.amazonaws.com"}
    return [*found, *(Ask(action="iam:PassRole", resource=role, keys=keys) for role in infrastructure_roles(call))]


def infrastructure_roles(call: Call) -> list[str]:
    """Return the roles by which ECS is to manage the load balancers of a service."""
    if call.action not in ("ecs:CreateService", "ecs:UpdateService"):
        return []
    advanced = [
        structure(structure(row).get("advancedConfiguration")) for row in rows(call.params.get("loadBalancers"))
    ]
    return sorted({str(own["roleArn"]) for own in advanced if own.get("roleArn")})


def passed_to_tasks(call: Call, names: Names) -> list[object]:
    """Return the roles that an ECS call passes to tasks, including those of the task definition that it runs."""
    p = call.params
    if call.operation == "RegisterTaskDefinition":
        return [p.get("taskRoleArn"), p.get("executionRoleArn")]
    if call.operation in ("RunTask", "StartTask", "CreateService", "UpdateService") and p.get("taskDefinition"):
        overrides = structure(p.get("overrides"))
        return [*names.roles(str(p["taskDefinition"])), overrides.get("taskRoleArn"), overrides.get("executionRoleArn")]
    return []
