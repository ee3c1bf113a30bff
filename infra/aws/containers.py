"""Container definitions of ECS tasks. Pure functions; values may be Pulumi outputs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from contract.containers import APP_VERSION, IMAGE_DIGEST, TMPFS_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """The only container of a task.

    Attributes:
        name: of the container, which its log streams are prefixed with.
        image: reference by tag or digest.
        port: that it listens on.
        environment: values of environment variables by name.
        secrets: references to secrets or parameters by variable name: `ARN` or, of a secret, `ARN:key:stage:version`.
        log_group: name of the CloudWatch log group.
        region: of the log group.
        stop_timeout: seconds from SIGTERM to SIGKILL.
        read_only: whether the root file system is.
        writable: directories in memory, and the size limit of each in MiB.
        entry_point: words in place of the image's; None for the image's.
        command: likewise.
        user: likewise.
    """

    name: str
    image: object
    port: int
    environment: Mapping[str, object]
    secrets: Mapping[str, object]
    log_group: object
    region: str
    stop_timeout: int
    read_only: bool = True
    writable: Mapping[str, int] = field(default_factory=dict)
    entry_point: Sequence[str] | None = None
    command: Sequence[str] | None = None
    user: str | None = None


def definition(container: Container) -> dict[str, Any]:
    """Return the container definition (ECS RegisterTaskDefinition, containerDefinitions)."""
    linux: dict[str, Any] = {"initProcessEnabled": True}
    if container.writable:
        linux["tmpfs"] = [
            {"containerPath": path, "size": size, "mountOptions": [*TMPFS_OPTIONS]}
            for path, size in sorted(container.writable.items())
        ]
    optional = {"entryPoint": container.entry_point, "command": container.command, "user": container.user}
    return {
        "name": container.name,
        "image": container.image,
        "essential": True,
        "portMappings": [{"containerPort": container.port, "hostPort": container.port, "protocol": "tcp"}],
        "environment": [{"name": key, "value": value} for key, value in sorted(container.environment.items())],
        "secrets": [{"name": key, "valueFrom": value} for key, value in sorted(container.secrets.items())],
        "readonlyRootFilesystem": container.read_only,
        "stopTimeout": container.stop_timeout,
        "linuxParameters": linux,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": container.log_group,
                "awslogs-region": container.region,
                "awslogs-stream-prefix": container.name,
            },
        },
        **{key: value for key, value in optional.items() if value is not None},
    }


def release_of(definitions: str) -> tuple[str, str]:
    """Return the image digest and the version of a release.

    Args:
        definitions: the container definitions of its task definition, as JSON.
    """
    container = json.loads(definitions)[0]
    environment = {pair["name"]: pair["value"] for pair in container["environment"]}
    return environment[IMAGE_DIGEST], environment[APP_VERSION]
