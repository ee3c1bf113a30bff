"""Physical names of resources, and their maximum length. Pure functions.

Limits are those of the AWS API references. Pulumi appends a hyphen and seven characters to auto-named resources, which
the limit must leave room for.
"""

from __future__ import annotations

import secrets

from contract.names import MAX_NAME_LENGTH, PROJECT, PULUMI_SUFFIX, TARGET_GROUP_LIMIT, of_service


def cluster(environment: str) -> str:
    """Return the name of an environment's ECS cluster."""
    return f"{PROJECT}-{environment}"


def repository(service: str) -> str:
    """Return the name of a service's ECR repository, which all environments share."""
    return f"{PROJECT}/{service}"


def log_group(environment: str, service: str) -> str:
    """Return the name of the log group of a service's tasks."""
    return f"/{PROJECT}/{environment}/{service}"


def insights_log_group(environment: str) -> str:
    """Return the name of the log group that Container Insights writes to, which AWS fixes."""
    return f"/aws/ecs/containerinsights/{cluster(environment)}/performance"


def flow_log_group(environment: str) -> str:
    """Return the name of the log group of a VPC's flow logs; it cannot clash with a service's."""
    return f"/{PROJECT}/{environment}/network/flow-logs"


def task_role_path(environment: str) -> str:
    """Return the IAM path of an environment's task and execution roles, by which `iam:PassRole` is granted."""
    return f"/{PROJECT}/{environment}/tasks/"


def dashboard(environment: str) -> str:
    """Return the name of an environment's dashboard, also the prefix of its alarms' names."""
    return f"{PROJECT}-{environment}"


def pipeline_dashboard(stack: str) -> str:
    """Return the name of the dashboard of a stack's pipeline."""
    return f"{dashboard(stack)}-pipeline"


def alarm(environment: str, suffix: str) -> str:
    """Return the name of a CloudWatch alarm of an environment, or of a service by its full name."""
    return f"{dashboard(environment)}-{suffix}"


def pipeline(stack: str) -> str:
    """Return the name of a stack's pipeline, SNS topic and connection."""
    return f"{PROJECT}-{stack}"


def build_project(stack: str, key: str) -> str:
    """Return the name of a CodeBuild project: `slipway-prod-staging-deploy`."""
    return f"{pipeline(stack)}-{key}"


def build_log_group(stack: str, key: str) -> str:
    """Return the name of a CodeBuild project's log group."""
    return f"/{PROJECT}/{stack}/build/{key}"


def report_group(project: str, kind: str) -> str:
    """Return the name of the report group that `kind` in a buildspec means (CodeBuild guide, "Report group naming")."""
    return f"{project}-{kind}"


def preview_role(stack: str) -> str:
    """Return the name of the role for `pulumi preview` of pull requests."""
    return f"{PROJECT}-{stack}-preview"


def database(environment: str) -> str:
    """Return an identifier for a new database instance; like Pulumi's own names it ends with seven random digits.

    It is chosen here since the name of the final snapshot is made of it, which Pulumi needs before the instance exists.
    """
    return f"{environment}-{secrets.token_hex(PULUMI_SUFFIX)[: PULUMI_SUFFIX - 1]}"


def database_log_group(instance: str, log: str) -> str:
    """Return the name of the log group that RDS exports a database instance's log to, which AWS fixes."""
    return f"/aws/rds/instance/{instance}/{log}"


def final_snapshot(instance: str) -> str:
    """Return the identifier of a database instance's final snapshot, as unique as the instance's own."""
    return f"{instance}-final"


ALTERNATE = "-alt"
"""The suffix of a service's alternate target group, which a canary needs, and of the alarms on it."""


def length_problem(environment: str, service: str, suffix: str = "") -> str | None:
    """Return why a service's name is too long in an environment.

    Args:
        environment: its name.
        service: the service's name in it.
        suffix: of the target group's name.

    Returns:
        The rule with its calculation, or None if the name is short enough.
    """
    name = of_service(environment, service) + suffix
    if len(name) <= MAX_NAME_LENGTH:
        return None
    return (
        f"'{name}' has {len(name)} characters and a target group's name at most {TARGET_GROUP_LIMIT}, "
        f"of which Pulumi's suffix takes {PULUMI_SUFFIX}"
    )


def secret_resource(reference: str) -> str:
    """Return the ARN of the secret that a task definition refers to, for IAM policies.

    Args:
        reference: a Secrets Manager ARN, optionally followed by `:key:stage:version` (ECS ContainerDefinition, Secret).
    """
    return ":".join(reference.split(":")[:7])


def is_parameter(reference: str) -> bool:
    """Return whether a task definition's reference is to a parameter of Parameter Store, rather than to a secret."""
    return reference.split(":")[2] == "ssm"


def service_host(arn: str) -> str:
    """Return the name by which KMS knows the service that decrypts for a reader, from the ARN of what is read.

    Source: AWS KMS developer guide, "kms:ViaService"; in China it ends as the service's host name does.
    """
    _, partition, service, region = arn.split(":")[:4]
    return f"{service}.{region}.amazonaws.com{'.cn' if partition == 'aws-cn' else ''}"
