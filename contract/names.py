"""Names that `delivery` derives or looks up: parameters, task definition families, tags."""

from __future__ import annotations

PROJECT = "slipway"
TEMPLATE_SUFFIX = "-template"
PULUMI_SUFFIX = 8
"""Characters that Pulumi appends to an auto-named resource: a hyphen and seven random ones."""
TARGET_GROUP_LIMIT = 32
"""Characters of a target group's name (ELBv2 CreateTargetGroup, Name): the lowest limit of all names."""
MAX_NAME_LENGTH = TARGET_GROUP_LIMIT - PULUMI_SUFFIX
"""Characters of a service's name in its environment: `staging-web`."""
PARAMETERS = f"/{PROJECT}"
"""The Parameter Store path of the facts of all stacks."""
PROJECT_TAG, ENVIRONMENT_TAG = "project", "environment"
"""Tags of every resource (`aws:defaultTags` of the stack files): the project's name and the stack's."""


def of_service(environment: str, service: str) -> str:
    """Return the name of a service in an environment: `staging-web`."""
    return f"{environment}-{service}"


def release_family(environment: str, service: str) -> str:
    """Return the task definition family of a service's releases: one revision per release."""
    return of_service(environment, service)


def template_family(environment: str, service: str) -> str:
    """Return the task definition family that releases are registered from; no task runs it."""
    return f"{of_service(environment, service)}{TEMPLATE_SUFFIX}"


def parameters(environment: str) -> str:
    """Return the Parameter Store path of an environment's facts: `/slipway/staging`."""
    return f"{PARAMETERS}/{environment}"


def environment_parameter(environment: str) -> str:
    """Return the name of the parameter that holds `facts.Environment`."""
    return f"{parameters(environment)}/environment"


def service_parameter(environment: str, service: str) -> str:
    """Return the name of the parameter that holds a service's `facts.Service`."""
    return f"{parameters(environment)}/services/{service}"


def pipeline_parameter(environment: str) -> str:
    """Return the name of the parameter that holds `facts.Pipeline`: that of the pipeline deploying there."""
    return f"{parameters(environment)}/pipeline"
