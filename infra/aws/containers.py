"""Container definitions of ECS tasks. Pure functions; values may be Pulumi outputs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from contract.containers import APP_VERSION, IMAGE_DIGEST

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """One container of a task: its values may be Pulumi outputs."""

    name: str
    image: object
    port: int
    environment: Mapping[str, object]
    secrets: Mapping[str, object]
    log_group: object
    region: str
    stop_timeout: int


def definition(container: Container) -> dict[str, Any]:
    """Return the container as ECS wants it (RegisterTaskDefinition, containerDefinitions).

    The root file system is read-only; the user is the image's own.
    """
    return {
        "name": container.name,
        "image": container.image,
        "essential": True,
        "portMappings": [{"containerPort": container.port, "hostPort": container.port, "protocol": "tcp"}],
        "environment": [{"name": key, "value": value} for key, value in sorted(container.environment.items())],
        "secrets": [{"name": key, "valueFrom": value} for key, value in sorted(container.secrets.items())],
        "readonlyRootFilesystem": True,
        "stopTimeout": container.stop_timeout,
        "linuxParameters": {"initProcessEnabled": True},
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": container.log_group,
                "awslogs-region": container.region,
                "awslogs-stream-prefix": container.name,
            },
        },
    }


def release_of(definitions: str) -> tuple[str, str]:
    """Return the digest and version that a release's container definitions hold, as JSON gives them back."""
    container = json.loads(definitions)[0]
    environment = {pair["name"]: pair["value"] for pair in container["environment"]}
    return environment[IMAGE_DIGEST], environment[APP_VERSION]
