"""What the page tells of clusters: services with what they serve, their deployments and their tasks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError

if TYPE_CHECKING:
    from localcloud.page.operations import Doc, Operations

VERSION = re.compile(r"(^|_)(COMMIT|VERSION|RELEASE|REVISION)(_(ID|SHA|HASH))?$")
"""The names of environment variables by which programs are usually told their version; no others are shown."""
UNDER_WAY = ("PENDING", "IN_PROGRESS")
EVENTS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """A container's image."""

    container: str
    name: str
    digest: str
    """Empty until a task has started with it."""
    versions: dict[str, str]
    """The variables that tell a version."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A task of a service, or one by itself."""

    id: str
    definition: str
    status: str
    health: str
    address: str
    started: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """A service."""

    cluster: str
    name: str
    status: str
    counts: tuple[int, int, int]
    """Tasks that are desired, running and pending."""
    definition: str
    """FAMILY:REVISION, as everywhere on the page."""
    images: list[Image]
    rollout: str
    reason: str
    """The state of the primary deployment, and the reason for it."""
    deployment: str
    """The ARN of the service deployment if it can be stopped, else empty."""
    previous: str
    """The last earlier revision of the task definition whose service deployment succeeded, or empty."""
    tasks: list[Task]
    events: list[tuple[float, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """A cluster."""

    name: str
    services: list[Service]
    others: list[Task]
    """Tasks that belong to no service."""


async def read(operations: Operations) -> list[Cluster]:
    """Return all active clusters."""
    arns = (await operations("ecs", "ListClusters"))["clusterArns"]
    if not arns:
        return []
    rows = (await operations("ecs", "DescribeClusters", clusters=arns))["clusters"]
    return [await cluster(operations, row["clusterName"]) for row in rows if row["status"] == "ACTIVE"]


async def cluster(operations: Operations, name: str) -> Cluster:
    """Return a cluster."""
    arns = (await operations("ecs", "ListServices", cluster=name))["serviceArns"]
    found = await operations("ecs", "DescribeServices", cluster=name, services=arns) if arns else {"services": []}
    tasks = (await operations("ecs", "ListTasks", cluster=name))["taskArns"]
    rows = (await operations("ecs", "DescribeTasks", cluster=name, tasks=tasks))["tasks"] if tasks else []
    return Cluster(
        name=name,
        services=[await service(operations, name, row, rows) for row in found["services"]],
        others=[task(row) for row in rows if not row["group"].startswith("service:")],
    )


async def service(operations: Operations, cluster: str, row: Doc, tasks: list[Doc]) -> Service:
    """Return a service; `tasks` are those of its cluster."""
    own = [task for task in tasks if task["group"] == f"service:{row['serviceName']}"]
    primary: Doc = next((each for each in row["deployments"] if each["status"] == "PRIMARY"), {})
    return Service(
        cluster=cluster,
        name=row["serviceName"],
        status=row["status"],
        counts=(row["desiredCount"], row["runningCount"], row["pendingCount"]),
        definition=short(row["taskDefinition"]),
        images=await images(operations, row["taskDefinition"], own),
        rollout=primary.get("rolloutState", ""),
        reason=primary.get("rolloutStateReason", ""),
        deployment=await under_way(operations, cluster, row["serviceName"]),
        previous=await previous(operations, cluster, row),
        tasks=[task(each) for each in own],
        events=[(event["createdAt"], event["message"]) for event in row["events"][:EVENTS]],
    )


async def images(operations: Operations, definition: str, tasks: list[Doc]) -> list[Image]:
    """Return the images of a task definition, with the digests that tasks of it were started with."""
    rows = (await operations("ecs", "DescribeTaskDefinition", taskDefinition=definition))["taskDefinition"]
    digests = {
        container["name"]: container.get("imageDigest", "")
        for task in tasks
        if task["taskDefinitionArn"] == definition
        for container in task["containers"]
    }
    return [
        Image(
            container=row["name"],
            name=row["image"],
            digest=digests.get(row["name"], ""),
            versions={
                each["name"]: each["value"] for each in row.get("environment", []) if VERSION.search(each["name"])
            },
        )
        for row in rows["containerDefinitions"]
    ]


async def under_way(operations: Operations, cluster: str, service: str) -> str:
    """Return the ARN of the service deployment in progress, or ""."""
    found = await operations("ecs", "ListServiceDeployments", cluster=cluster, service=service, status=[*UNDER_WAY])
    return next((str(row["serviceDeploymentArn"]) for row in found["serviceDeployments"]), "")


async def previous(operations: Operations, cluster: str, service: Doc) -> str:
    """Return the last earlier revision of a service's task definition whose service deployment succeeded, or "".

    Later ones are left out: the service was brought back from them. One that is not ACTIVE can start no tasks.
    """
    found = await operations(
        "ecs", "ListServiceDeployments", cluster=cluster, service=service["serviceName"], status=["SUCCESSFUL"]
    )
    arns = [row["targetServiceRevisionArn"] for row in found["serviceDeployments"]]
    if not arns:
        return ""
    revisions = (await operations("ecs", "DescribeServiceRevisions", serviceRevisionArns=arns))["serviceRevisions"]
    for definition in [row["taskDefinition"] for row in revisions]:
        if is_earlier(short(definition), short(service["taskDefinition"])) and await is_active(operations, definition):
            return short(definition)
    return ""


def is_earlier(one: str, other: str) -> bool:
    """Tell whether a task definition, as FAMILY:REVISION, is an earlier revision of another's family."""
    (family, _, first), (same, _, second) = one.rpartition(":"), other.rpartition(":")
    return family == same and int(first) < int(second)


async def is_active(operations: Operations, definition: str) -> bool:
    """Tell whether tasks of a task definition may be started."""
    try:
        found = await operations("ecs", "DescribeTaskDefinition", taskDefinition=definition)
    except ApiError:
        return False
    return bool(found["taskDefinition"]["status"] == "ACTIVE")


def task(row: Doc) -> Task:
    """Return a task."""
    addresses = [each["privateIpv4Address"] for part in row["containers"] for each in part["networkInterfaces"]]
    return Task(
        id=row["taskArn"].rpartition("/")[2],
        definition=short(row["taskDefinitionArn"]),
        status=row["lastStatus"],
        health=row["healthStatus"],
        address=next(iter(addresses), ""),
        started=row.get("startedAt"),
    )


def short(arn: str) -> str:
    """Return the last part of an ARN: FAMILY:REVISION of a task definition."""
    return arn.rpartition("/")[2]
