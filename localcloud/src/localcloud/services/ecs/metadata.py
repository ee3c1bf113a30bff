"""What the task metadata endpoint (version 4) and the credentials endpoint tell: pure functions.

Source: Amazon ECS developer guide, "Amazon ECS task metadata endpoint version 4 for tasks on Fargate" with its JSON
response, and "Amazon ECS task IAM role".
"""

from __future__ import annotations

import ipaddress
import secrets
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from localcloud.services.ecs.fargate import GIB, units

if TYPE_CHECKING:
    from localcloud.state.table import Doc

ADDRESS = "169.254.170.2"
"""The only address from which AWS's clients take credentials named by AWS_CONTAINER_CREDENTIALS_RELATIVE_URI."""
VERSION, CREDENTIALS = "/v4/", "/v2/credentials/"
CPU_UNITS = 1024
STARTING = ("PROVISIONING", "PENDING", "ACTIVATING")


def identities(names: list[str]) -> Doc:
    """Return the members of a new task's document by which its containers are known here; nobody can guess them.

    Args:
        names: the containers' names.
    """
    ids = {name: f"{secrets.token_hex(16)}-{secrets.randbelow(10**10):010}" for name in names}
    return {"metadata": ids, "credentials": str(uuid.uuid4())}


def variables(task: Doc, name: str, *, has_role: bool) -> dict[str, str]:
    """Return the environment variables by which a container finds both endpoints."""
    found = {"ECS_CONTAINER_METADATA_URI_V4": f"http://{ADDRESS}{VERSION}{task['metadata'][name]}"}
    return found | (
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": f"{CREDENTIALS}{task['credentials']}"} if has_role else {}
    )


def credentials(role: str, session: Doc) -> dict[str, str]:
    """Return the response of the credentials endpoint."""
    return {
        "RoleArn": role,
        "AccessKeyId": session["key"],
        "SecretAccessKey": session["secret"],
        "Token": session["token"],
        "Expiration": moment(session["expires"]),
    }


def of_task(task: Doc, definition: Doc, network: dict[str, Any], region: str) -> Doc:
    """Return the metadata of a task.

    Args:
        task: the task.
        definition: its task definition.
        network: the settings of its network interface, as Docker tells them.
        region: the region of its host name.
    """
    rows = {row["name"]: row for row in definition["containerDefinitions"]}
    found = {
        "Cluster": task["clusterArn"],
        "TaskARN": task["taskArn"],
        "Family": definition["family"],
        "Revision": str(definition["revision"]),
        "DesiredStatus": task["desiredStatus"],
        "KnownStatus": "CREATED" if task["lastStatus"] in STARTING else task["lastStatus"],
        "Limits": {"CPU": (units(task["cpu"], CPU_UNITS) or 0) / CPU_UNITS, "Memory": units(task["memory"], GIB)},
        "PullStartedAt": moment(task.get("pullStartedAt")),
        "PullStoppedAt": moment(task.get("pullStoppedAt")),
        "AvailabilityZone": task["availabilityZone"],
        "LaunchType": "FARGATE",
        "Containers": [
            of_container(task, definition, rows[row["name"]], network, region) for row in task["containers"]
        ],
        "ServiceName": task["group"].removeprefix("service:") if task["group"].startswith("service:") else "",
    }
    return {key: value for key, value in found.items() if value != ""}


def of_container(task: Doc, definition: Doc, container: Doc, network: dict[str, Any], region: str) -> Doc:
    """Return the metadata of one of a task's containers; `container` is its container definition."""
    row = next(row for row in task["containers"] if row["name"] == container["name"])
    limits = {"CPU": container["cpu"]} | ({"Memory": container["memory"]} if "memory" in container else {})
    found = {
        "DockerId": row.get("runtimeId", ""),
        "Name": container["name"],
        "DockerName": container["name"],
        "Image": container["image"],
        "ImageID": row.get("imageDigest", ""),
        "Labels": {
            **container.get("dockerLabels", {}),
            "com.amazonaws.ecs.cluster": task["clusterArn"],
            "com.amazonaws.ecs.container-name": container["name"],
            "com.amazonaws.ecs.task-arn": task["taskArn"],
            "com.amazonaws.ecs.task-definition-family": definition["family"],
            "com.amazonaws.ecs.task-definition-version": str(definition["revision"]),
        },
        "DesiredStatus": task["desiredStatus"],
        # Who asks runs, although its start may not have been recorded yet.
        "KnownStatus": "RUNNING" if row["lastStatus"] == "PENDING" else row["lastStatus"],
        "Limits": limits,
        "CreatedAt": moment(task.get("pullStoppedAt")),
        "StartedAt": moment(task.get("startedAt") or task.get("pullStoppedAt")),
        "Type": "NORMAL",
        "ContainerARN": row["containerArn"],
        "Networks": [interface(network, region)],
        "LogDriver": container.get("logConfiguration", {}).get("logDriver", ""),
        "LogOptions": log_options(task, container),
    }
    return {key: value for key, value in found.items() if value not in ("", {})}


def log_options(task: Doc, container: Doc) -> dict[str, str]:
    """Return the log driver's options, with the name of the stream."""
    options = container.get("logConfiguration", {}).get("options", {})
    if "awslogs-stream-prefix" not in options:
        return dict(options)
    parts = (options["awslogs-stream-prefix"], container["name"], task["taskArn"].rpartition("/")[2])
    return {**options, "awslogs-stream": "/".join(parts)}


def interface(network: dict[str, Any], region: str) -> Doc:
    """Return the metadata of a task's network interface; the subnet is that of the Docker network."""
    address, gateway, length = network["IPAddress"], network["Gateway"], network["IPPrefixLen"]
    return {
        "NetworkMode": "awsvpc",
        "IPv4Addresses": [address],
        "AttachmentIndex": 0,
        "MACAddress": network["MacAddress"],
        "IPv4SubnetCIDRBlock": str(ipaddress.ip_network(f"{address}/{length}", strict=False)),
        "PrivateDNSName": f"ip-{address.replace('.', '-')}.{region}.compute.internal",
        "SubnetGatewayIpv4Address": f"{gateway}/{length}",
    }


def moment(seconds: float | None) -> str:
    """Return a time as both endpoints write it, "" if there is none."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
