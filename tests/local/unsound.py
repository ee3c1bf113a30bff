"""Invalid setups and stack files, while production is running: the command, and its expected error."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml

from tests.local.workspace import PORT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local.workspace import Workspace


@dataclass(frozen=True)
class Unsound:
    """A command that must fail, its environment, and words of its last lines."""

    command: Callable[[Workspace], tuple[str, ...]]
    says: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


def second(workspace: Workspace) -> tuple[str, ...]:
    """Return the command that starts a second local cloud, with the packages of the first."""
    return (workspace.python, "-m", "localcloud", "up", "--yes")


def toolchain(workspace: Workspace) -> tuple[str, ...]:
    """Return the command that builds the toolchain, where there is neither a toolchain nor Go."""
    python = shlex.quote(workspace.python)
    build = f"PATH=/nowhere LOCALCLOUD_CACHE=$PWD/cache exec {python} -m tools.toolchain --from built"
    return ("sh", "-c", f"mkdir elsewhere && cp -r tools elsewhere && cd elsewhere && {build}")


def spoilt(workspace: Workspace) -> tuple[str, ...]:
    """Write a stack file with three errors; return the command that deploys it."""
    document = yaml.safe_load((workspace.root / "Pulumi.staging.yaml").read_text("utf-8"))
    environment = document["config"]["slipway:environment"]
    environment["services"]["web"] |= {"cpu": 300, "colour": "blue"}
    environment["network"] = {"cidr": "10.0.0.0/30"}
    (workspace.root / "Pulumi.spoilt.yaml").write_text(yaml.safe_dump(document), "utf-8")
    return ("bin/pulumi-local", "up", "-s", "spoilt", "--yes", "--skip-preview")


UNSOUND = {
    "a second local cloud on the port of the first": Unsound(
        second, (f"port {PORT} is taken by",), {"LOCALCLOUD_STATE": "second", "PYTHONPATH": "localcloud/src"}
    ),
    "a Docker Engine that does not answer": Unsound(
        second, ("no Docker Engine answers there",),
        {"LOCALCLOUD_STATE": "second", "LOCALCLOUD_PORT": "1", "DOCKER_HOST": "unix:///nowhere",
         "PYTHONPATH": "localcloud/src"},
    ),
    "a toolchain to be built without Go": Unsound(toolchain, ("Go is not installed",)),
    "a stack file with three errors": Unsound(spoilt, ("300", "colour", "10.0.0.0/30")),
}  # fmt: skip
