"""Names that AWS shows, and the room that AWS leaves for them. Pure functions.

Limits are AWS's own, from each API's reference; Pulumi adds a hyphen and seven characters to a name it
makes unique, so a longer name could not be created.
"""

from __future__ import annotations

from contract.names import PROJECT, of_service

PULUMI_SUFFIX = 8  # "-" and seven random characters
TARGET_GROUP_LIMIT = 32  # ELBv2 CreateTargetGroup, Name; the tightest of all names made here
NAME_BUDGET = TARGET_GROUP_LIMIT - PULUMI_SUFFIX


def cluster(environment: str) -> str:
    """Return the ECS cluster's name."""
    return f"{PROJECT}-{environment}"


def repository(service: str) -> str:
    """Return the name of the image repository that all environments share for a service."""
    return f"{PROJECT}/{service}"


def log_group(environment: str, service: str) -> str:
    """Return the log group of a service's tasks."""
    return f"/{PROJECT}/{environment}/{service}"


def insights_log_group(environment: str) -> str:
    """Return the log group that Container Insights writes to (its name is fixed by AWS)."""
    return f"/aws/ecs/containerinsights/{cluster(environment)}/performance"


def task_role_path(environment: str) -> str:
    """Return the path of the IAM roles of an environment's tasks: what a deployment may pass on."""
    return f"/{PROJECT}/{environment}/tasks/"


def dashboard(environment: str) -> str:
    """Return the name of an environment's dashboard, which its alarms' names begin with."""
    return f"{PROJECT}-{environment}"


def pipeline(stack: str) -> str:
    """Return the name of a stack's pipeline, of its topic and of its connection."""
    return f"{PROJECT}-{stack}"


def build_project(stack: str, key: str) -> str:
    """Return the name of one of the pipeline's build projects: `slipway-prod-staging-deploy`."""
    return f"{pipeline(stack)}-{key}"


def build_log_group(stack: str, key: str) -> str:
    """Return the log group of a build project."""
    return f"/{PROJECT}/{stack}/build/{key}"


def report_group(project: str, kind: str) -> str:
    """Return the report group that CodeBuild takes for `kind` in a buildspec (its guide, "Report group naming")."""
    return f"{project}-{kind}"


def preview_role(stack: str) -> str:
    """Return the name of the role that previews of pull requests have."""
    return f"{PROJECT}-{stack}-preview"


def final_snapshot(environment: str) -> str:
    """Return the name of the database snapshot that a destroy leaves, where one is asked for."""
    return f"{PROJECT}-{environment}-final"


def over_budget(environment: str, service: str) -> str | None:
    """Say why a service's name is too long for this environment.

    Returns:
        The rule with its arithmetic, or None when the name fits.
    """
    name = of_service(environment, service)
    if len(name) <= NAME_BUDGET:
        return None
    return (
        f"'{name}' has {len(name)} characters and a target group's name holds {TARGET_GROUP_LIMIT}, "
        f"of which Pulumi's suffix takes {PULUMI_SUFFIX}"
    )


def secret_resource(reference: str) -> str:
    """Return the ARN that IAM knows of a secret that a task names.

    Args:
        reference: a Secrets Manager ARN, optionally followed by `:key:stage:version` (ECS developer guide).
    """
    return ":".join(reference.split(":")[:7])
