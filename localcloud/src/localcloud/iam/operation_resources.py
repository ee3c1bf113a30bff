"""The resources and condition keys of each service's operations. Pure.

Source: AWS's Service Authorization Reference, "Actions, resources, and condition keys" of each service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.iam import named_resources
from localcloud.iam.names import ARN, Names, Reading, last, role_arn, rows, structure

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.iam.calls import Call
    from localcloud.iam.conditions import Context

ON_ACTIONS = ("PutApprovalResult",)
ON_STAGES = (
    "EnableStageTransition", "DisableStageTransition", "RetryStageExecution", "RollbackStage", "OverrideStageCondition",
    *ON_ACTIONS,
)  # fmt: skip
"""CodePipeline operations on a stage or an action of a pipeline."""
ECS = {
    **dict.fromkeys(("UpdateService", "DeleteService", "ListServiceDeployments"), ("service", "service")),
    **dict.fromkeys(("StopTask", "ExecuteCommand"), ("task", "task")),
    **dict.fromkeys(("DescribeTasks", "GetTaskProtection", "UpdateTaskProtection"), ("task", "tasks")),
    **dict.fromkeys(("DeleteCluster", "UpdateCluster", "UpdateClusterSettings"), ("cluster", "cluster")),
    **dict.fromkeys(("RunTask", "StartTask"), ("task-definition", "taskDefinition")),
    **dict.fromkeys(("StopServiceDeployment", "ContinueServiceDeployment"), ("", "serviceDeploymentArn")),
    **dict.fromkeys(("TagResource", "UntagResource", "ListTagsForResource"), ("", "resourceArn")),
    "CreateCluster": ("cluster", "clusterName"),
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
    if op == "ListWebhooks":
        return [names.arn("codepipeline", "webhook:*")], {}
    if "Webhook" in op:
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


READERS: dict[str, Callable[[Call, Names], Reading]] = {
    "application-autoscaling": named_resources.scaling,
    "codebuild": codebuild,
    "codeconnections": named_resources.by_arns,
    "codepipeline": codepipeline,
    "codestar-connections": named_resources.by_arns,
    "codestar-notifications": named_resources.notifications,
    "ecr": ecr,
    "ecs": ecs,
    "elasticloadbalancing": named_resources.balancing,
    "iam": iam,
    "kms": kms,
    "logs": logs,
    "monitoring": named_resources.cloudwatch,
    "rds": named_resources.rds,
    "secretsmanager": secretsmanager,
    "sns": named_resources.sns,
    "ssm": ssm,
    "sts": named_resources.by_arns,
}
"""The function for each service's calls; calls of other services must be allowed on "*"."""
