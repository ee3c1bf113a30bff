"""Names that AWS shows, and the room that AWS leaves for them. Pure functions.

Limits are AWS's own, from each API's reference; Pulumi adds a hyphen and seven characters to a name it
makes unique, so a longer name could not be created.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

PROJECT = "slipway"
PULUMI_SUFFIX = 8  # "-" and seven random characters
TARGET_GROUP_LIMIT = 32  # ELBv2 CreateTargetGroup, Name; the tightest of all names made here
NAME_BUDGET = TARGET_GROUP_LIMIT - PULUMI_SUFFIX
TEMPLATE_TAG = "template"
TEMPLATE_SUFFIX = "-template"


def of_service(environment: str, service: str) -> str:
    """Return the name of a service in an environment: `staging-web`."""
    return f"{environment}-{service}"


def cluster(environment: str) -> str:
    """Return the ECS cluster's name."""
    return f"{PROJECT}-{environment}"


def repository(service: str) -> str:
    """Return the name of the image repository that all environments share for a service."""
    return f"{PROJECT}/{service}"


def release_family(environment: str, service: str) -> str:
    """Return the task definition family that the service runs."""
    return of_service(environment, service)


def template_family(environment: str, service: str) -> str:
    """Return the task definition family that releases are made from; nothing runs on it."""
    return f"{of_service(environment, service)}{TEMPLATE_SUFFIX}"


def image_tag(content_hash: str, pushed_at: datetime) -> str:
    """Return the tag of an image that Pulumi pushes; the time, to the second, makes it unused."""
    return f"content-{content_hash}-{pushed_at:%Y%m%d%H%M%S}"


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


def pipeline_parameter(environment: str) -> str:
    """Return the Parameter Store name of what an environment's pipeline is called."""
    return f"/{PROJECT}/{environment}/pipeline"


def preview_role(stack: str) -> str:
    """Return the name of the role that previews of pull requests have."""
    return f"{PROJECT}-{stack}-preview"


def final_snapshot(environment: str) -> str:
    """Return the name of the database snapshot that a destroy leaves, where one is asked for."""
    return f"{PROJECT}-{environment}-final"


def environment_parameter(environment: str) -> str:
    """Return the Parameter Store name of the environment's own facts."""
    return f"/{PROJECT}/{environment}/environment"


def service_parameter(environment: str, service: str) -> str:
    """Return the Parameter Store name of a service's facts."""
    return f"/{PROJECT}/{environment}/services/{service}"


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
