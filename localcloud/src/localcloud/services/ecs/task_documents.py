"""Creation of task documents, for services and for RunTask."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from localcloud.services.ecs import metadata
from localcloud.services.ecs.state import new_id
from localcloud.services.ecs.strategies import groups_of

if TYPE_CHECKING:
    from localcloud.services.ecs.state import State
    from localcloud.state.table import Doc


class Factory:
    """Creates task documents; the tasks start only when launched."""

    def __init__(self, state: State) -> None:
        """Use ECS's documents."""
        self._state = state

    def service_task(self, service: Doc, deployment: Doc) -> Doc:
        """Create and return a task of a service's deployment."""
        definition = self._state.definition(deployment["taskDefinition"])
        tags = {}
        if service.get("propagateTags") == "SERVICE":
            tags = {tag["key"]: tag["value"] for tag in service["tags"]}
        elif service.get("propagateTags") == "TASK_DEFINITION":
            tags = {tag["key"]: tag["value"] for tag in definition["tags"]}
        if service.get("enableECSManagedTags"):
            cluster = service["clusterArn"].rpartition("/")[2]
            tags |= {"aws:ecs:clusterName": cluster, "aws:ecs:serviceName": service["serviceName"]}
        return self.task(
            definition,
            clusterArn=service["clusterArn"],
            group=f"service:{service['serviceName']}",
            startedBy=deployment["id"],
            service=service["serviceArn"],
            subnets=subnets_of(deployment),
            targets=[
                {"group": group, "port": balancer["containerPort"]}
                for balancer, group in zip(deployment.get("loadBalancers") or [], groups_of(deployment), strict=True)
            ],
            tags=[{"key": key, "value": value} for key, value in tags.items()],
            **self._capacity(service, deployment),
        )

    def _capacity(self, service: Doc, deployment: Doc) -> Doc:
        """Return the capacity provider of a deployment's next task: of the base first, then by weight."""
        tasks = [task for task in self._state.tasks_of(service) if task["startedBy"] == deployment["id"]]
        running = [task["capacityProviderName"] for task in tasks if "capacityProviderName" in task]
        name = next_provider(deployment.get("capacityProviderStrategy") or [], running)
        return {"capacityProviderName": name} if name else {}

    def task(self, definition: Doc, **members: Any) -> Doc:
        """Create and return a task.

        Args:
            definition: the task definition.
            members: additional members of the document; `clusterArn` is required.
        """
        cluster = members["clusterArn"].rpartition("/")[2]
        key = self._state.arn(f"task/{cluster}/{new_id()}")
        subnet = (members.pop("subnets", None) or ["subnet-00000000"])[0]
        doc: Doc = {
            "taskArn": key,
            "taskDefinitionArn": definition["taskDefinitionArn"],
            "availabilityZone": f"{self._state.ctx.region}a",
            "lastStatus": "PROVISIONING",
            "desiredStatus": "RUNNING",
            "healthStatus": "UNKNOWN",
            "createdAt": time.time(),
            "cpu": definition["cpu"],
            "memory": definition["memory"],
            "launchType": "FARGATE",
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "version": 1,
            "attributes": [],
            "overrides": {"containerOverrides": []},
            "ephemeralStorage": {"sizeInGiB": (definition.get("ephemeralStorage") or {"sizeInGiB": 20})["sizeInGiB"]},
            "attachments": [attachment(subnet)],
            "containers": [shown(key, row, self._state.arn) for row in definition["containerDefinitions"]],
            "enableExecuteCommand": False,
            "tags": [],
            "counted": False,
        }
        doc |= metadata.identities([row["name"] for row in definition["containerDefinitions"]]) | members
        return self._state.tasks.put(key, doc)


def shown(task: str, container: Doc, arn: Any) -> Doc:
    """Return a task's container document before the container is created."""
    return {
        "containerArn": arn(f"container/{task.partition(':task/')[2]}/{uuid.uuid4()}"),
        "taskArn": task,
        "name": container["name"],
        "image": container["image"],
        "lastStatus": "PENDING",
        "healthStatus": "UNKNOWN",
        "networkBindings": [],
        "networkInterfaces": [],
        "cpu": str(container["cpu"]),
        "checked": bool(container.get("healthCheck")) and container["essential"],
    } | ({"memory": str(container["memory"])} if "memory" in container else {})


def next_provider(strategy: list[Doc], running: list[str]) -> str:
    """Return the capacity provider that ECS places the next task on, empty without a strategy.

    Args:
        strategy: items with `capacityProvider`, `base` (tasks that it gets first) and `weight` of the others.
        running: the capacity providers of the tasks that run.
    """
    for item in strategy:
        if running.count(item["capacityProvider"]) < item.get("base", 0):
            return str(item["capacityProvider"])
    shares = {
        item["capacityProvider"]: (running.count(item["capacityProvider"]) - item.get("base", 0)) / item["weight"]
        for item in strategy
        if item.get("weight", 0)
    }
    return min(shares, key=shares.__getitem__, default="")


def attachment(subnet: str) -> Doc:
    """Return a task's network interface attachment before it has an address."""
    interface = f"eni-{uuid.uuid4().hex[:17]}"
    details = [{"name": "subnetId", "value": subnet}, {"name": "networkInterfaceId", "value": interface}]
    return {"id": str(uuid.uuid4()), "type": "ElasticNetworkInterface", "status": "PRECREATED", "details": details}


def subnets_of(holder: Doc) -> list[str]:
    """Return the subnets of a network configuration."""
    configuration = (holder.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    found: list[str] = configuration.get("subnets", [])
    return found
