"""Conversion of container definitions to Docker API arguments: pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.services.ecs.fargate import GIB, units
from localcloud.settings import NAME

if TYPE_CHECKING:
    from localcloud.state.table import Doc

SECOND = 1_000_000_000
STOP_SECONDS = 30
PAUSE = "pause"


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A container to create."""

    name: str
    """The container definition's name."""
    docker_name: str
    create: dict[str, Any]
    """Arguments of Docker's create_container, without host and network configuration."""
    host: dict[str, Any]
    """Arguments of Docker's create_host_config."""


def docker_name(task: Doc, name: str) -> str:
    """Return a task container's name in Docker."""
    return f"{NAME}-task-{task['taskArn'].rpartition('/')[2][:12]}-{name}"


def volume_name(task: Doc, name: str) -> str:
    """Return the name of a task's volume in Docker."""
    return f"{NAME}-task-{task['taskArn'].rpartition('/')[2][:12]}-{name}"


def part(task: Doc, definition: Doc, container: Doc, image: str, environment: dict[str, str]) -> Part:
    """Return the arguments with which to create a container.

    Args:
        task: the task.
        definition: its task definition.
        container: the container definition with overrides merged in.
        image: the image id in Docker.
        environment: all environment variables, secrets included.
    """
    linux = container.get("linuxParameters", {})
    create: dict[str, Any] = {
        "image": image,
        "environment": environment,
        "name": docker_name(task, container["name"]),
        "command": container.get("command"),
        "user": container.get("user"),
        "working_dir": container.get("workingDirectory"),
        "hostname": container.get("hostname"),
        "tty": container.get("pseudoTerminal", False),
        "stdin_open": container.get("interactive", False),
        "healthcheck": health_check(container.get("healthCheck")),
        "stop_timeout": container.get("stopTimeout", STOP_SECONDS),
    }
    if container.get("entryPoint"):
        create["entrypoint"] = container["entryPoint"]
        create["command"] = container.get("command") or []
    host: dict[str, Any] = {
        "read_only": container.get("readonlyRootFilesystem", False),
        "tmpfs": {mount["containerPath"]: options(mount) for mount in linux.get("tmpfs", [])} or None,
        "binds": binds(task, container),
        "init": linux.get("initProcessEnabled", False),
        "cap_add": linux.get("capabilities", {}).get("add"),
        "cap_drop": linux.get("capabilities", {}).get("drop"),
        "shm_size": linux["sharedMemorySize"] * GIB * GIB if "sharedMemorySize" in linux else None,
        "sysctls": {control["namespace"]: control["value"] for control in container.get("systemControls", [])} or None,
        "ulimits": [
            {"Name": limit["name"], "Soft": limit["softLimit"], "Hard": limit["hardLimit"]}
            for limit in container.get("ulimits", [])
        ],
        "extra_hosts": {entry["hostname"]: entry["ipAddress"] for entry in container.get("extraHosts", [])} or None,
        **sizes(task, definition, container),
    }
    return Part(name=container["name"], docker_name=create["name"], create=create, host=host)


def sizes(task: Doc, definition: Doc, container: Doc) -> dict[str, Any]:
    """Return memory as a hard limit and CPU as relative shares: on one machine a quota would only slow everything."""
    memory = container.get("memory") or units(task.get("memory") or definition.get("memory"), GIB)
    cpu = container.get("cpu") or units(task.get("cpu") or definition.get("cpu"), 1024)
    limits: dict[str, Any] = {"cpu_shares": max(cpu or 2, 2)}
    if memory:
        limits |= {"mem_limit": f"{memory}m", "memswap_limit": f"{memory}m"}
    if container.get("memoryReservation"):
        limits["mem_reservation"] = f"{container['memoryReservation']}m"
    return limits


def options(mount: dict[str, Any]) -> str:
    """Return a tmpfs mount's options."""
    return ",".join([f"size={mount['size']}m", *mount.get("mountOptions", [])])


def binds(task: Doc, container: Doc) -> list[str]:
    """Return the bind specifications of the task's volumes that the container mounts."""
    return [
        f"{volume_name(task, mount['sourceVolume'])}:{mount['containerPath']}:{'ro' if mount.get('readOnly') else 'rw'}"
        for mount in container.get("mountPoints", [])
    ]


def health_check(check: dict[str, Any] | None) -> dict[str, Any]:
    """Return a Docker health check; as on ECS, the image's own HEALTHCHECK is ignored."""
    if not check:
        return {"test": ["NONE"]}
    return {
        "test": check["command"],
        "interval": check.get("interval", 30) * SECOND,
        "timeout": check.get("timeout", 5) * SECOND,
        "retries": check.get("retries", 3),
        "start_period": check.get("startPeriod", 0) * SECOND,
    }


def overridden(container: Doc, overrides: dict[str, Any]) -> Doc:
    """Return a container definition with RunTask's overrides merged in."""
    for override in overrides.get("containerOverrides", []):
        if override.get("name") == container["name"]:
            merged = container | {key: override[key] for key in ("command", "cpu", "memory") if key in override}
            named = {pair["name"]: pair for pair in [*container["environment"], *override.get("environment", [])]}
            return merged | {"environment": list(named.values())}
    return container


def start_order(containers: list[Doc]) -> list[Doc]:
    """Return containers in dependency order; those in a dependency cycle keep their given order."""
    ordered: list[Doc] = []
    waiting = list(containers)
    while waiting:
        names = {container["name"] for container in ordered}
        ready = [c for c in waiting if all(d["containerName"] in names for d in c.get("dependsOn", []))] or waiting
        ordered += ready
        waiting = [container for container in waiting if container not in ready]
    return ordered
