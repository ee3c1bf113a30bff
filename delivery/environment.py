"""What an environment says of itself at run time, read from Parameter Store.

The stack writes these parameters (`/slipway/<stack>/...`); reading them now, rather than at `pulumi up`,
follows a load balancer that was replaced or a service that was added since.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from delivery.errors import DeliveryError

PREFIX = "/slipway"


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

    @property
    def repository(self) -> str:
        """The repository's name: what follows the registry's host in the URL."""
        return self.repository_url.split("/", 1)[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """A running environment: its URL (no trailing slash), its ECS cluster's name and its services."""

    stack: str
    url: str
    cluster: str
    services: tuple[Service, ...]


def read(ssm: Any, stack: str) -> Environment:  # noqa: ANN401 - boto3's clients have no static type
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
        raise DeliveryError(
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
            stack=stack, url=found["environment"]["url"], cluster=found["environment"]["cluster"], services=services
        )
    except KeyError as missing:
        raise DeliveryError(
            f"the parameters under {path} lack {missing}; they were written by an older program; "
            f"run: pulumi up -s {stack}"
        ) from missing


def _service(name: str, value: dict[str, Any]) -> Service:
    return Service(
        name=name,
        ecs_service=value["service"],
        template_family=value["template_family"],
        release_family=value["release_family"],
        repository_url=value["repository_url"],
        context=value["context"],
        dockerfile=value["dockerfile"],
        build_args=value.get("build_args", {}),
    )
