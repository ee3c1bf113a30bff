"""The resources and condition keys of each service's operations. Pure.

Source: AWS's Service Authorization Reference, "Actions, resources, and condition keys" of each service.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from localcloud.iam.calls import Call, Params
    from localcloud.iam.conditions import Context

ARN = "arn:"
ON_ACTIONS = ("PutApprovalResult", "OverrideStageCondition")
ON_STAGES = ("EnableStageTransition", "DisableStageTransition", "RetryStageExecution", "RollbackStage", *ON_ACTIONS)
"""CodePipeline operations on a stage or an action of a pipeline."""
ECS = {
    **dict.fromkeys(("UpdateService", "DeleteService", "ListServiceDeployments"), ("service", "service")),
    **dict.fromkeys(("StopTask", "ExecuteCommand"), ("task", "task")),
    **dict.fromkeys(("DescribeTasks", "GetTaskProtection", "UpdateTaskProtection"), ("task", "tasks")),
    **dict.fromkeys(("DeleteCluster", "UpdateCluster", "UpdateClusterSettings"), ("cluster", "cluster")),
    **dict.fromkeys(("RunTask", "StartTask"), ("task-definition", "taskDefinition")),
    **dict.fromkeys(("StopServiceDeployment", "ContinueServiceDeployment"), ("", "serviceDeploymentArn")),
    **dict.fromkeys(("TagResource", "UntagResource", "ListTagsForResource"), ("", "resourceArn")),
    "CreateService": ("service", "serviceName"),
    "DeleteTaskDefinitions": ("task-definition", "taskDefinitions"),
    "DescribeClusters": ("cluster", "clusters"),
    "DescribeServiceDeployments": ("", "serviceDeploymentArns"),
    "DescribeServiceRevisions": ("", "serviceRevisionArns"),
    "DescribeServices": ("service", "services"),
    "PutClusterCapacityProviders": ("cluster", "cluster"),
    "RegisterTaskDefinition": ("task-definition", "family"),
}
"""The resource type of each ECS operation ("" if it is given by ARN), and the parameter that names it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """Resolves names to ARNs."""

    account: str
    region: str
    find: Callable[[str, str], str | None] = lambda _kind, _name: None
    """Looks up the ARN of a resource ("secret", "role", "key") if it cannot be derived from the name; None if there
    is none."""
    roles: Callable[[str], list[str]] = lambda _definition: []
    """Returns the roles of a task definition."""

    def arn(self, service: str, resource: str) -> str:
        """Return an ARN in the call's region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def each(self, service: str, kind: str, names: Iterable[object]) -> list[str]:
        """Return the ARNs of resources given by name or ARN; no names means all resources."""
        found = [str(name) if str(name).startswith(ARN) else self.arn(service, f"{kind}{name}") for name in names]
        return found or ["*"]


Reading = tuple[list[str], "Context"]
"""The resources and condition keys of a call."""


def role_arn(role: str, names: Names) -> str:
    """Return a role's ARN, given its ARN or name."""
    return role if role.startswith(ARN) else names.find("role", role) or f"arn:aws:iam::{names.account}:role/{role}"


def structure(value: object) -> Params:
    """Return the value if it is a structure, else an empty one."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[Any]:
    """Return the value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def last(text: object) -> str:
    """Return the part of a name or ARN after the last slash."""
    return str(text).rpartition("/")[2]


def ecs(call: Call, names: Names) -> Reading:
    """Return the resources and condition keys of an ECS call."""
    cluster = last(call.params.get("cluster") or "default")
    keys: Context = {"ecs:cluster": names.arn("ecs", f"cluster/{cluster}")}
    kind, member = ECS.get(call.operation, ("*", ""))
    if kind == "*":
        return ["*"], keys
    given = call.params.get(member) or ([] if kind else "*")
    named = [str(name) for name in (given if isinstance(given, list) else [given])]
    if kind == "cluster" and not named:
        named = ["default"]
    return [arn for name in named for arn in ecs_arns(kind, name, cluster, names)], keys


def ecs_arns(kind: str, name: str, cluster: str, names: Names) -> list[str]:
    """Return the ARNs that a name or ARN may refer to: ECS here goes by the last part of an ARN, and by the cluster."""
    short = last(name)
    if kind == "":
        return [name]
    if kind == "task-definition":
        composed = names.arn("ecs", f"{kind}/{short if ':' in short else f'{short}:*'}")
    elif kind == "cluster":
        composed = names.arn("ecs", f"{kind}/{short}")
    else:
        composed = names.arn("ecs", f"{kind}/{cluster}/{short}")
    return [composed, name] if name.startswith(ARN) and name != composed else [composed]


def codebuild(call: Call, names: Names) -> Reading:
    """Return the resources and condition keys of a CodeBuild call."""
    p, op = call.params, call.operation

    def project(given: object) -> str:
        return str(given).rpartition("/")[2].partition(":")[0]

    if "Report" in op:
        arns = [*rows(p.get("reportArns")), *rows(p.get("reportGroupArns")), p.get("reportArn")]
        arns += [p.get("reportGroupArn"), p.get("arn") if "ReportGroup" in op else None]
        group = p.get("name") if op == "CreateReportGroup" else None
        found = [report_group(str(arn)) for arn in arns if arn]
        return found or (names.each("codebuild", "report-group/", [group] if group else [])), {}
    builds = [*rows(p.get("ids")), p.get("id")]
    given = [*builds, *rows(p.get("names")), p.get("projectName"), p.get("name")]
    if op.startswith("List") and "projectName" not in p:
        return ["*"], {}
    return names.each("codebuild", "project/", [project(each) for each in given if each]), {}


def report_group(arn: str) -> str:
    """Return the ARN of the report group of a report, given the report's ARN."""
    head, slash, tail = arn.partition(":report/")
    return f"{head}:report-group/{tail.partition(':')[0]}" if slash else arn


def codepipeline(call: Call, names: Names) -> Reading:
    """Return the resources and condition keys of a CodePipeline call."""
    p, op = call.params, call.operation
    webhook = structure(p.get("webhook"))
    if "Webhook" in op and not op.startswith("List"):
        name = webhook.get("name") or p.get("name") or p.get("webhookName") or ""
        pipeline = [names.arn("codepipeline", str(webhook["targetPipeline"]))] if "targetPipeline" in webhook else []
        return [names.arn("codepipeline", f"webhook:{name}"), *pipeline], {}
    if "resourceArn" in p:
        return [str(p["resourceArn"])], {}
    name = structure(p.get("pipeline")).get("name") or p.get("pipelineName") or p.get("name")
    if not name or op == "ListPipelines":
        return ["*"], {}
    below = [p.get("stageName")] if op in ON_STAGES else []
    below += [p.get("actionName")] if op in ON_ACTIONS else []
    return [names.arn("codepipeline", "/".join(str(part) for part in [name, *below]))], {}


def ecr(call: Call, names: Names) -> Reading:
    """Return the resources and condition keys of an ECR call."""
    p = call.params
    if call.operation == "DescribeRepositories":
        return names.each("ecr", "repository/", rows(p.get("repositoryNames")) or ["*"]), {}
    if "resourceArn" in p:
        return [str(p["resourceArn"])], {}
    return names.each("ecr", "repository/", [p["repositoryName"]] if p.get("repositoryName") else []), {}


def logs(call: Call, names: Names) -> Reading:
    """Return the log streams of a CloudWatch Logs call; the stream name is empty in a call on a log group."""
    p = call.params
    if p.get("resourceArn"):
        return [str(p["resourceArn"])], {}
    given = [p.get("logGroupName"), p.get("logGroupIdentifier"), *rows(p.get("logGroupNames"))]
    given += rows(p.get("logGroupIdentifiers"))
    groups = [str(name).partition(":log-group:")[2].removesuffix(":*") or str(name) for name in given if name]
    if not groups and call.operation == "DescribeLogGroups":
        groups = [str(p.get("logGroupNamePrefix", ""))]
    streams = [p.get("logStreamName"), *rows(p.get("logStreamNames"))]
    named = [str(stream) for stream in streams if stream] or [""]
    return [names.arn("logs", f"log-group:{group}:log-stream:{stream}") for group in groups for stream in named], {}


def ssm(call: Call, names: Names) -> Reading:
    """Return the parameters of a Parameter Store call; a version or label is not part of the ARN."""
    p = call.params
    given = [p.get("Name"), p.get("Path"), *rows(p.get("Names")), p.get("ResourceId")]
    if call.operation == "DescribeParameters":
        return ["*"], {}
    keys: Context = {"ssm:recursive": "true" if p.get("Recursive") else "false"}
    return [parameter_arn(str(name), names) for name in given if name], keys


def parameter_arn(name: str, names: Names) -> str:
    """Return a parameter's ARN, given its name, path or ARN."""
    if name.startswith(ARN):
        return name
    return names.arn("ssm", f"parameter/{name.strip('/').partition(':')[0]}")


def secretsmanager(call: Call, names: Names) -> Reading:
    """Return the secret of a Secrets Manager call; its ARN ends with a random suffix, so it is looked up."""
    name = call.params.get("SecretId")
    if not name:
        made = call.params.get("Name")
        return ([names.arn("secretsmanager", f"secret:{made}")] if made else ["*"]), {}
    return [names.find("secret", str(name)) or "*"], {"secretsmanager:secretid": str(name)}


def kms(call: Call, names: Names) -> Reading:
    """Return the key of a KMS call."""
    name = str(call.params.get("KeyId") or "")
    if ":key/" in name:
        return [name], {}
    if not name or "alias/" in name:
        return [(name and names.find("key", name)) or "*"], {}
    return [names.arn("kms", f"key/{name}")], {}


def iam(call: Call, names: Names) -> Reading:
    """Return the resources and condition keys of an IAM call."""
    p = call.params
    keys: Context = {"iam:policyarn": str(p["PolicyArn"])} if "PolicyArn" in p else {}
    if call.operation == "CreateRole":
        return [f"arn:aws:iam::{names.account}:role{p.get('Path', '/')}{p.get('RoleName', '')}"], keys
    if "RoleName" in p:
        return [role_arn(str(p["RoleName"]), names)], keys
    if "OpenIDConnectProviderArn" in p:
        return [str(p["OpenIDConnectProviderArn"])], keys
    return [str(p["PolicyArn"])] if "PolicyArn" in p else ["*"], keys


def by_arns(call: Call, _names: Names) -> Reading:
    """Return the ARNs in a call's parameters, for services that name resources by ARN: ELBv2, SNS, STS."""
    if call.operation.startswith(("Describe", "List")) and call.service == "elasticloadbalancing":
        return ["*"], {}
    found = [str(value) for name, value in sorted(call.params.items()) if "Arn" in name and isinstance(value, str)]
    return [value for value in found if value.startswith(ARN)] or ["*"], {}


READERS: dict[str, Callable[[Call, Names], Reading]] = {
    "codebuild": codebuild,
    "codeconnections": by_arns,
    "codepipeline": codepipeline,
    "codestar-connections": by_arns,
    "codestar-notifications": by_arns,
    "ecr": ecr,
    "ecs": ecs,
    "elasticloadbalancing": by_arns,
    "iam": iam,
    "kms": kms,
    "logs": logs,
    "secretsmanager": secretsmanager,
    "sns": by_arns,
    "ssm": ssm,
    "sts": by_arns,
}
"""The function for each service's calls; calls of other services must be allowed on "*"."""
