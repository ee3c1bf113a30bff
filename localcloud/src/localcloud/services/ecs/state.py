"""ECS's resources as durable documents, with the look-ups that several operations share."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from localcloud.gateway.protocol import ApiError, arn
from localcloud.state.table import Doc, Table

if TYPE_CHECKING:
    from localcloud.context import Context

EVENTS_AT_MOST = 100
STOPPED_TASKS_KEPT_SECONDS = 3600
LOG_MARKS = "ecs.log"
"""The kind of document that records how far a task's log has been shipped; its key ends with the task's id."""
PENDING = ("PROVISIONING", "PENDING", "ACTIVATING")


class State:
    """All ECS documents."""

    def __init__(self, ctx: Context) -> None:
        """Load the documents from the store."""
        self.ctx = ctx
        self.clusters = Table(ctx.store, "ecs.cluster")
        self.families = Table(ctx.store, "ecs.family")
        self.definitions = Table(ctx.store, "ecs.definition")
        self.services = Table(ctx.store, "ecs.service")
        self.tasks = Table(ctx.store, "ecs.task")
        self.rollouts = Table(ctx.store, "ecs.rollout")
        """Service deployments."""
        self.revisions = Table(ctx.store, "ecs.revision")
        """Service revisions."""

    def arn(self, resource: str) -> str:
        """Return an ECS ARN."""
        return arn(self.ctx, "ecs", resource)

    def cluster(self, name: str | None) -> Doc:
        """Return a cluster by name or ARN ("default" if none is given), or raise ApiError."""
        key = self.arn(f"cluster/{(name or 'default').rpartition('/')[2]}")
        doc = self.clusters.get(key)
        if doc is None:
            raise ApiError("ClusterNotFoundException", "Cluster not found.")
        return doc

    def service(self, cluster: str | None, name: str) -> Doc:
        """Return a service that is not INACTIVE by name or ARN, or raise ApiError."""
        doc = self.service_or_none(cluster, name)
        if doc is None or doc["status"] == "INACTIVE":
            raise ApiError("ServiceNotFoundException", "Service not found.")
        return doc

    def service_or_none(self, cluster: str | None, name: str) -> Doc | None:
        """Return a service of any status, or None; raise ApiError for an unknown cluster."""
        owner = self.cluster(cluster)
        return self.services.get(self.service_arn(owner, name))

    def service_arn(self, cluster: Doc, name: str) -> str:
        """Return the ARN of a service given by name or ARN."""
        return self.arn(f"service/{cluster['clusterName']}/{name.rpartition('/')[2]}")

    def definition(self, name: str) -> Doc:
        """Return a task definition by ARN, family:revision or family (latest active revision), or raise ApiError."""
        family, _, revision = name.rpartition("/")[2].partition(":")
        if revision:
            doc = self.definitions.get(self.arn(f"task-definition/{family}:{revision}"))
        else:
            active = [row for row in self.definitions.values() if row["family"] == family and row["status"] == "ACTIVE"]
            doc = max(active, key=lambda row: int(row["revision"]), default=None)
        if doc is None:
            raise ApiError("ClientException", "Unable to describe task definition.")
        return doc

    def active_definition(self, name: str) -> Doc:
        """Return a task definition that is ACTIVE, so that new tasks may use it, or raise ApiError."""
        try:
            doc = self.definition(name)
        except ApiError as error:
            raise ApiError("ClientException", "TaskDefinition not found.") from error
        if doc["status"] != "ACTIVE":
            raise ApiError("ClientException", "TaskDefinition is inactive")
        return doc

    def tasks_of(self, service: Doc) -> list[Doc]:
        """Return a service's tasks that have not stopped."""
        key = service["serviceArn"]
        return [task for task in self.tasks.values() if task.get("service") == key and task["lastStatus"] != "STOPPED"]

    def event(self, service: Doc, text: str) -> None:
        """Prepend a message to a service's events, unless it repeats the latest one."""
        message = f"(service {service['serviceName']}) {text}"
        if service["events"] and service["events"][0]["message"] == message:
            return
        service["events"].insert(0, {"id": str(uuid.uuid4()), "createdAt": time.time(), "message": message})
        del service["events"][EVENTS_AT_MOST:]

    def save_service(self, service: Doc) -> None:
        """Persist a service."""
        self.services.save(service["serviceArn"])

    def save_task(self, task: Doc) -> None:
        """Persist a task."""
        task["version"] += 1
        self.tasks.save(task["taskArn"])

    def prune(self) -> None:
        """Delete tasks that stopped an hour ago, and deleted task definitions that are no longer used."""
        oldest = time.time() - STOPPED_TASKS_KEPT_SECONDS
        for task in self.tasks.values():
            if task["lastStatus"] == "STOPPED" and task.get("stoppedAt", oldest) < oldest:
                self.tasks.delete(task["taskArn"])
        known = {key.rpartition("/")[2] for key in self.tasks.rows}
        for key in self.ctx.store.all(LOG_MARKS):
            if key.rpartition("/")[2] not in known:
                self.ctx.store.delete(LOG_MARKS, key)
        for doc in self.definitions.values():
            if doc["status"] == "DELETE_IN_PROGRESS" and not self.in_use(doc["taskDefinitionArn"]):
                self.definitions.delete(doc["taskDefinitionArn"])

    def in_use(self, definition: str) -> bool:
        """Tell whether a service's deployment or a running task uses a task definition."""
        services = [service for service in self.services.values() if service["status"] != "INACTIVE"]
        if any(row["taskDefinition"] == definition for service in services for row in service["deployments"]):
            return True
        tasks = self.tasks.values()
        return any(task["taskDefinitionArn"] == definition and task["lastStatus"] != "STOPPED" for task in tasks)


def new_id() -> str:
    """Return a random id of 32 hexadecimal digits, as in ECS."""
    return uuid.uuid4().hex


def number() -> str:
    """Return a random 19-digit number, as at the end of ECS deployment ids."""
    return str(uuid.uuid4().int)[:19]


def failure(key: str) -> Doc:
    """Return the failure that a Describe... operation returns for a missing resource."""
    return {"arn": key, "reason": "MISSING"}


def tag_list(tags: list[dict[str, Any]] | None) -> list[Doc]:
    """Return tags with missing values filled in; refuse duplicate keys."""
    rows = [{"key": tag["key"], "value": tag.get("value", "")} for tag in tags or []]
    if len({row["key"] for row in rows}) != len(rows):
        raise ApiError(
            "InvalidParameterException", "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    return rows
