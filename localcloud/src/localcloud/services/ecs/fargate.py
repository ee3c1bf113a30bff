"""Validation of task definitions by Fargate's rules and the local cloud's limitations: pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.docker_engine import qemu
from localcloud.gateway.protocol import ApiError, Params

if TYPE_CHECKING:
    from collections.abc import Collection

    from localcloud.state.table import Doc

GIB = 1024
MEMORY = {
    256: {512, 1 * GIB, 2 * GIB},
    512: {n * GIB for n in range(1, 5)},
    1024: {n * GIB for n in range(2, 9)},
    2048: {n * GIB for n in range(4, 17)},
    4096: {n * GIB for n in range(8, 31)},
    8192: {n * GIB for n in range(16, 61, 4)},
    16384: {n * GIB for n in range(32, 121, 8)},
}
"""Valid memory sizes in MiB by CPU units."""
NOT_RUN = (
    "repositoryCredentials", "links", "environmentFiles", "volumesFrom", "dockerSecurityOptions",
    "resourceRequirements",
    "firelensConfiguration", "credentialSpecs", "restartPolicy", "disableNetworking", "privileged",
)  # fmt: skip
STOP_TIMEOUT_AT_MOST = 120
KERNELS = {"X86_64": "x86_64", "ARM64": qemu.ARCHITECTURE}
PLATFORMS = {"X86_64": "linux/amd64", "ARM64": qemu.PLATFORM}


def check(params: Params) -> None:
    """Refuse a task definition that Fargate or the local cloud would not run.

    Raises:
        ApiError: ClientException worded as on AWS, or UnsupportedOperation naming what is not supported here.
    """
    if "FARGATE" not in params.get("requiresCompatibilities", []):
        raise ApiError(
            "UnsupportedOperation", "the local cloud runs task definitions with requiresCompatibilities FARGATE only"
        )
    if params.get("networkMode") != "awsvpc":
        raise ApiError("ClientException", "Fargate only supports network mode 'awsvpc'.")
    check_size(params)
    names = [container.get("name") for container in params["containerDefinitions"]]
    if not names or None in names or len(set(names)) != len(names):
        raise ApiError("ClientException", "Container definitions must have names, each of them once.")
    for container in params["containerDefinitions"]:
        check_container(container, names, params)
    if not any(container.get("essential", True) for container in params["containerDefinitions"]):
        raise ApiError("ClientException", "TaskDefinition must have at least one essential container.")
    for volume in params.get("volumes", []):
        if set(volume) - {"name", "host"} or volume.get("host", {}).get("sourcePath"):
            text = f"the local cloud supports volumes of the task only; {volume.get('name')} is of another kind"
            raise ApiError("UnsupportedOperation", text)


def check_architecture(params: Params, architectures: Collection[str]) -> None:
    """Refuse a CPU architecture that this machine cannot run: an image index would resolve to a different image.

    Raises:
        ApiError: UnsupportedOperation naming the architecture.
    """
    wanted = (params.get("runtimePlatform") or {}).get("cpuArchitecture", "X86_64")
    if KERNELS[wanted] not in architectures:
        remedy = f"; to emulate it, run: {qemu.COMMAND}" if wanted == "ARM64" else ""
        has = ", ".join(sorted(architectures))
        raise ApiError("UnsupportedOperation", f"the local cloud cannot run {wanted} on this machine, {has}{remedy}")


def platform(definition: Doc) -> str:
    """Return the Docker platform for which a task definition's images are pulled."""
    return PLATFORMS[(definition.get("runtimePlatform") or {}).get("cpuArchitecture", "X86_64")]


def check_size(params: Params) -> None:
    """Refuse a combination of CPU and memory that Fargate does not offer."""
    cpu, memory = units(params.get("cpu"), 1024), units(params.get("memory"), GIB)
    if cpu is None or memory is None:
        raise ApiError("ClientException", "Fargate requires task definition to have cpu and memory at the task level.")
    if memory not in MEMORY.get(cpu, set()):
        text = "No Fargate configuration exists for given values: "
        raise ApiError("ClientException", f"{text}{cpu} CPU, {memory} memory. See the Amazon ECS documentation.")


def units(text: str | None, factor: int) -> int | None:
    """Return `256`, `.25 vCPU` or `2 GB` as CPU units or MiB, None if it has another form."""
    number, _, unit = (text or "").strip().partition(" ")
    try:
        return int(float(number) * factor) if unit else int(number)
    except ValueError:
        return None


def check_container(container: dict[str, Any], names: list[Any], params: Params) -> None:
    """Refuse an invalid container definition."""
    name = container["name"]
    if not container.get("image"):
        raise ApiError("ClientException", f"Container.image should not be null or empty (container {name}).")
    for feature in NOT_RUN:
        if container.get(feature):
            raise ApiError("UnsupportedOperation", f"the local cloud does not support {feature} (container {name})")
    if container.get("stopTimeout", 0) > STOP_TIMEOUT_AT_MOST:
        raise ApiError(
            "ClientException", f"stopTimeout must be at most {STOP_TIMEOUT_AT_MOST} on Fargate (container {name})."
        )
    check_ports(container)
    for dependency in container.get("dependsOn", []):
        if dependency["containerName"] not in names:
            raise ApiError(
                "ClientException", f"Container {name} depends on unknown container {dependency['containerName']}."
            )
    volumes = {volume["name"] for volume in params.get("volumes", [])}
    for mount in container.get("mountPoints", []):
        if mount.get("sourceVolume") not in volumes:
            raise ApiError("ClientException", f"Unknown volume '{mount.get('sourceVolume')}'.")
    check_logs(container, params)


def check_ports(container: dict[str, Any]) -> None:
    """Refuse a host port that differs from the container port."""
    for mapping in container.get("portMappings", []):
        if mapping.get("hostPort", mapping.get("containerPort")) != mapping.get("containerPort"):
            text = "When networkMode=awsvpc, the host ports and container ports in port mappings must match."
            raise ApiError("ClientException", text)


def check_logs(container: dict[str, Any], params: Params) -> None:
    """Refuse a log driver other than awslogs, and logs or secrets without an execution role."""
    logs = container.get("logConfiguration")
    if logs and logs["logDriver"] != "awslogs":
        raise ApiError("UnsupportedOperation", f"the local cloud does not support the log driver {logs['logDriver']}")
    needs = "log driver awslogs" if logs else "secrets" if container.get("secrets") else None
    if needs and not params.get("executionRoleArn"):
        text = f"Fargate requires task definition to have execution role ARN to support {needs}."
        raise ApiError("ClientException", text)


def filled(container: dict[str, Any]) -> Doc:
    """Return a container definition with AWS's defaults filled in."""
    defaults = {
        "cpu": 0,
        "essential": True,
        "environment": [],
        "mountPoints": [],
        "volumesFrom": [],
        "systemControls": [],
    }
    ports = [
        {"hostPort": port["containerPort"], "protocol": "tcp"} | port for port in container.get("portMappings", [])
    ]
    return defaults | container | {"portMappings": ports}
