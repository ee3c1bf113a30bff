"""What an environment says of itself at run time, read from Parameter Store.

The stack writes these parameters (`/slipway/<stack>/...`); reading them now, rather than at `pulumi up`,
follows a load balancer that was replaced or a service that was added since.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from delivery.aws.clients import Client

PREFIX = "/slipway"


class NeverUpError(DeliveryError):
    """The stack wrote no parameters: never brought up here, or destroyed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """One service of an environment, by the names that the stack gave it."""

    name: str
    ecs_service: str
    template_family: str
    release_family: str
    repository_url: str
    context: str
    dockerfile: str
    build_args: dict[str, str]
    container: str = ""
    target: str = "release"
    platform: str = ""
    version_path: str = "/version"

    @property
    def repository(self) -> str:
        """The repository's name: what follows the registry's host in the URL."""
        return self.repository_url.split("/", 1)[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """The pipeline that deploys to an environment: its name, and the stages' and actions' names."""

    name: str
    stage: str
    deploy_action: str = "Deploy"
    approval_stage: str = "Approval"
    approval_action: str = "Approve"


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """A running environment: its URL (no trailing slash), its ECS cluster's name and its services.

    `pipeline` is None where no pipeline deploys to it.
    """

    stack: str
    url: str
    cluster: str
    services: tuple[Service, ...]
    pipeline: Pipeline | None = None


def read(ssm: Client, stack: str) -> Environment:
    """Read an environment's parameters.

    Args:
        ssm: a boto3 `ssm` client.
        stack: the stack's name, as in `pulumi up -s NAME`.

    Returns:
        The environment, services in alphabetical order.

    Raises:
        DeliveryError: the stack wrote no parameters (never brought up, or destroyed), or they lack a key.
    """
    path = f"{PREFIX}/{stack}/"
    found: dict[str, dict[str, Any]] = {}
    for page in ssm.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True):
        found |= {p["Name"].removeprefix(path): json.loads(p["Value"]) for p in page["Parameters"]}
    if "environment" not in found:
        raise NeverUpError(
            f"stack {stack!r} has no parameter {path}environment in region {ssm.meta.region_name}; "
            f"run: pulumi up -s {stack}, or name its region: export AWS_REGION=..."
        )
    try:
        services = tuple(
            _service(name.removeprefix("services/"), value)
            for name, value in sorted(found.items())
            if name.startswith("services/")
        )
        return Environment(
            stack=stack,
            url=found["environment"]["url"].rstrip("/"),
            cluster=found["environment"]["cluster"],
            services=services,
            pipeline=_pipeline(found["pipeline"]) if "pipeline" in found else None,
        )
    except KeyError as missing:
        raise DeliveryError(
            f"the parameters under {path} lack {missing}; they were written by an older program; "
            f"run: pulumi up -s {stack}"
        ) from missing


def pipelines(ssm: Client) -> dict[str, Pipeline]:
    """Return the pipeline of every stack of the account and region that one deploys to, by the stack's name."""
    found: dict[str, Pipeline] = {}
    for page in ssm.get_paginator("get_parameters_by_path").paginate(Path=PREFIX, Recursive=True):
        for parameter in page["Parameters"]:
            stack, _, kind = parameter["Name"].removeprefix(f"{PREFIX}/").partition("/")
            if kind == "pipeline":
                found[stack] = _pipeline(json.loads(parameter["Value"]))
    return found


def _service(name: str, value: dict[str, Any]) -> Service:
    return Service(
        name=name,
        ecs_service=value["service"],
        template_family=value["template_family"],
        release_family=value["release_family"],
        repository_url=value["repository_url"],
        context=value["context"],
        dockerfile=value["dockerfile"],
        build_args=_build_args(value.get("build_args") or {}),
        container=value.get("container") or "",
        target=value.get("target") or "release",
        platform=value.get("platform") or "",
        version_path=value.get("version_path") or "/version",
    )


def _build_args(of_stack: dict[str, str]) -> dict[str, str]:
    """Return the stack's build arguments, with the values that $BUILD_ARGS (a JSON object) has for this machine.

    So that a machine of another platform can name base images of its own; an argument that the stack does not have
    is left out.
    """
    here = json.loads(os.environ.get("BUILD_ARGS") or "{}")
    return {name: str(here.get(name, value)) for name, value in of_stack.items()}


def _pipeline(value: dict[str, Any]) -> Pipeline:
    names = {key: value[key] for key in ("deploy_action", "approval_stage", "approval_action") if value.get(key)}
    return Pipeline(name=value["pipeline"], stage=value["stage"], **names)
