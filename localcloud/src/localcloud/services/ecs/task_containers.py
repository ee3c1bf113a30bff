"""Creates and starts a task's containers in Docker, which share one network namespace and one address."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import docker

from localcloud.services.ecs import (
    container_variables,
    containers,
    fargate,
    image_pulls,
    metadata,
    secret_values,
    task_roles,
)
from localcloud.services.ecs.metadata_proxy import free_link
from localcloud.settings import IMAGE_PREFIX

if TYPE_CHECKING:
    from localcloud.docker_engine.service_containers import ServiceContainers
    from localcloud.services.ecs.containers import Part
    from localcloud.services.ecs.metadata_proxy import MetadataProxy
    from localcloud.services.ecs.state import State
    from localcloud.state.table import Doc

DEPENDENCY_POLL_SECONDS = 0.1
PAUSE_IMAGE = f"{IMAGE_PREFIX}haproxy:2.6"


class StartError(Exception):
    """A task cannot be started; the message is its stopped reason."""


class Maker:
    """Creates and starts containers from a task's document."""

    def __init__(self, state: State, engine: ServiceContainers, proxy: MetadataProxy) -> None:
        """Use ECS's documents, Docker, and the proxy of the tasks' metadata."""
        self._state, self.engine, self._proxy = state, engine, proxy
        self.pause_image = os.environ.get("HAPROXY_IMAGE", PAUSE_IMAGE)

    async def parts(self, task: Doc) -> list[Part]:
        """Resolve secrets, pull images, and return the containers to create, in start order.

        Raises:
            StartError: a secret or an image is not available; worded as on AWS.
        """
        definition = self._state.definition(task["taskDefinitionArn"])
        overrides = task.get("overrides", {})
        rows = [containers.overridden(row, overrides) for row in definition["containerDefinitions"]]
        try:
            return await self.engine.call(self._parts, task, definition, containers.start_order(rows))
        except (secret_values.ValuesError, image_pulls.PullError, task_roles.RoleError) as error:
            raise StartError(str(error)) from error

    def _parts(self, task: Doc, definition: Doc, rows: list[Doc]) -> list[Part]:
        found = []
        ctx, iam = self._state.ctx, self._state.ctx.iam
        has_role = task_roles.session(ctx, task, definition, task_roles.TASK) is not None
        starts = task_roles.session(ctx, task, definition, task_roles.EXECUTION)
        reachable = {"AWS_ENDPOINT_URL": ctx.container_endpoint} if has_role else {}
        for row in rows:
            own = reachable | metadata.variables(task, row["name"], has_role=has_role)
            environment = container_variables.environment(ctx, row, own, starts)
            if row.get("logConfiguration"):
                container_variables.check_log_group(ctx, row["logConfiguration"].get("options", {}), starts)
            password = iam.password(starts["key"]) if starts else ""
            image = image_pulls.pull(self.engine.client, row["image"], password, fargate.platform(definition))
            shown = container_of(task, row["name"])
            shown["imageDigest"] = image_pulls.digest(image, row["image"])
            found.append(containers.part(task, definition, row, image.id, environment))
        return found

    async def make(self, task: Doc, parts: list[Part]) -> None:
        """Create all containers; the first one (or a pause container, if there are several) owns the address.

        Raises:
            StartError: Docker returns an error.
        """
        try:
            await self._proxy.ensure()
            task["link"] = free_link([row.get("link", "") for row in self._state.tasks.values() if is_there(row)])
            first = None
            if len(parts) > 1:
                first = await self._pause(task)
            for part in parts:
                made = await self._make(task, part, first)
                container_of(task, part.name)["runtimeId"] = made
        except docker.errors.DockerException as error:
            raise StartError(f"CannotCreateContainerError: {explained(error)}") from error

    async def _make(self, task: Doc, part: Part, first: str | None) -> str:
        api = self.engine.client.api
        network = {"network_mode": f"container:{first}" if first else self.engine.network}
        if first:
            part.create.pop("hostname", None)
            part.host.pop("extra_hosts", None)
        else:
            part.create["networking_config"] = self._linked(task)
        made = await self.engine.call(
            api.create_container,
            **part.create,
            labels=self.engine.labels(task=task["taskArn"], container=part.name),
            host_config=api.create_host_config(**part.host, **network),
        )
        return str(made["Id"])

    async def _pause(self, task: Doc) -> str:
        api = self.engine.client.api
        made = await self.engine.call(
            api.create_container,
            self.pause_image,
            ["sleep", "infinity"],
            entrypoint=[],
            user="root",
            name=containers.docker_name(task, containers.PAUSE),
            labels=self.engine.labels(task=task["taskArn"], container=containers.PAUSE),
            networking_config=self._linked(task),
            host_config=api.create_host_config(network_mode=self.engine.network, init=True),
        )
        await self.engine.call(api.start, made["Id"])
        task["pause"] = made["Id"]
        return str(made["Id"])

    def _linked(self, task: Doc) -> Any:
        """Return the network configuration of what owns the task's address."""
        api = self.engine.client.api
        endpoint = api.create_endpoint_config(link_local_ips=[task["link"]])
        return api.create_networking_config({self.engine.network: endpoint})

    async def start(self, task: Doc, part: Part, row: Doc) -> None:
        """Start a container once its dependencies have met their conditions.

        Raises:
            StartError: Docker returns an error, or a dependency fails.
        """
        for dependency in row.get("dependsOn", []):
            await self._wait_for(task, dependency["containerName"], dependency["condition"])
        try:
            await self.engine.call(self.engine.client.api.start, container_of(task, part.name)["runtimeId"])
        except docker.errors.DockerException as error:
            raise StartError(f"CannotStartContainerError: {explained(error)}") from error

    async def _wait_for(self, task: Doc, name: str, condition: str) -> None:
        while task["desiredStatus"] == "RUNNING":
            state = await self.inspected(container_of(task, name)["runtimeId"])
            over, health = not state["Running"] and state["FinishedAt"] > "0002", state.get("Health", {}).get("Status")
            if condition == "HEALTHY" and health == "healthy":
                return
            if condition == "START" and (state["Running"] or over):
                return
            if over and condition == "COMPLETE":
                return
            if over and condition == "SUCCESS" and state["ExitCode"] == 0:
                return
            if over or health == "unhealthy":
                raise StartError(
                    f"dependency container {name} did not reach {condition}: exit code {state['ExitCode']}"
                )
            await asyncio.sleep(DEPENDENCY_POLL_SECONDS)

    async def inspected(self, container_id: str) -> dict[str, Any]:
        """Return a container's State as inspected in Docker."""
        found = await self.engine.insist(self.engine.client.api.inspect_container, container_id)
        return dict(found["State"])

    async def address(self, task: Doc) -> tuple[str, str]:
        """Return the task's IP and MAC address."""
        settings = await self.network(task)
        return settings["IPAddress"], settings["MacAddress"]

    async def network(self, task: Doc) -> dict[str, Any]:
        """Return the settings of the task's network interface, as Docker tells them."""
        holder = task.get("pause") or task["containers"][0]["runtimeId"]
        found = await self.engine.call(self.engine.client.api.inspect_container, holder)
        return dict(found["NetworkSettings"]["Networks"][self.engine.network])

    async def session(self, task: Doc, definition: Doc) -> Doc | None:
        """Return the current credentials of the task's role, None if it has none.

        Raises:
            RoleError: the role does not exist any more or does not trust ECS.
        """
        return await self.engine.call(task_roles.session, self._state.ctx, task, definition, task_roles.TASK)

    async def left(self, task: Doc) -> None:
        """Remove the proxy of the tasks' metadata if this was the last task."""

        def others() -> bool:
            return any(is_there(row) for row in self._state.tasks.values() if row is not task)

        await self._proxy.remove(unless=others)


def is_there(task: Doc) -> bool:
    """Tell whether a task has not stopped."""
    return bool(task["lastStatus"] != "STOPPED")


def container_of(task: Doc, name: str) -> Doc:
    """Return a task's container document by name."""
    found: Doc = next(row for row in task["containers"] if row["name"] == name)
    return found


def explained(error: Exception) -> str:
    """Return Docker's explanation of an error, in one line."""
    return " ".join(str(getattr(error, "explanation", None) or error).split())
