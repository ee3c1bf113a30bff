"""Names that `delivery` derives or looks up: parameters, task definition families, tags."""

from __future__ import annotations

import re
from pathlib import Path


def project(file: Path) -> str:
    """Return the name of a Pulumi project, of which the names of its resources in an account are made.

    Args:
        file: its Pulumi.yaml.

    Raises:
        ValueError: the file has no name.
    """
    found = re.search(r"""^name:\s*["']?([\w.-]+)""", file.read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError(f"{file} has no line `name: PROJECT`; add it")
    return found[1]


PROJECT = project(Path(__file__).parents[1] / "Pulumi.yaml")
"""Two projects in one account and region have no name in common."""
FAMILIES = "" if PROJECT == "slipway" else f"{PROJECT}-"
"""The prefix of task definition families; those of the project `slipway` were named before there was one."""
TAG = "slipway"
"""The prefix of the keys of release revisions' tags, whatever the project."""
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
    return f"{FAMILIES}{of_service(environment, service)}"


def template_family(environment: str, service: str) -> str:
    """Return the task definition family that releases are registered from; no task runs it."""
    return f"{release_family(environment, service)}{TEMPLATE_SUFFIX}"


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
