"""Creates and starts a task's containers in Docker, which share one network namespace and one address."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import docker

from localcloud.iam.authority import DeniedError
from localcloud.services.ecs import container_variables, containers, fargate, image_pulls, secret_values
from localcloud.settings import IMAGE_PREFIX

if TYPE_CHECKING:
    from localcloud.docker_engine.service_containers import ServiceContainers
    from localcloud.iam.conditions import Context
    from localcloud.services.ecs.containers import Part
    from localcloud.services.ecs.state import State
    from localcloud.state.table import Doc

DEPENDENCY_POLL_SECONDS = 0.1
SERVICE = "ecs-tasks.amazonaws.com"
PAUSE_IMAGE = f"{IMAGE_PREFIX}haproxy:2.6"


class StartError(Exception):
    """A task cannot be started; the message is its stopped reason."""


class Maker:
    """Creates and starts containers from a task's document."""

    def __init__(self, state: State, engine: ServiceContainers) -> None:
        """Use ECS's documents and Docker."""
        self._state, self._engine = state, engine
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
            return await self._engine.call(self._parts, task, definition, containers.start_order(rows))
        except (secret_values.ValuesError, image_pulls.PullError) as error:
            raise StartError(str(error)) from error

    def _parts(self, task: Doc, definition: Doc, rows: list[Doc]) -> list[Part]:
        found = []
        own, starts = (
            self._session(task, definition, "taskRoleArn"),
            self._session(task, definition, "executionRoleArn"),
        )
        iam = self._state.ctx.iam
        for row in rows:
            environment = container_variables.environment(self._state.ctx, row, own, starts)
            if row.get("logConfiguration"):
                container_variables.check_log_group(self._state.ctx, row["logConfiguration"].get("options", {}), starts)
            password = iam.password(starts["key"]) if starts else ""
            image = image_pulls.pull(self._engine.client, row["image"], password, fargate.platform(definition))
            shown = container_of(task, row["name"])
            shown["imageDigest"] = image_pulls.digest(image, row["image"])
            found.append(containers.part(task, definition, row, image.id, environment))
        return found

    def _session(self, task: Doc, definition: Doc, member: str) -> Doc | None:
        """Return credentials of the task role or the task execution role, or None if the task has no such role.

        Raises:
            StartError: the role does not exist or does not trust ECS.
        """
        role = task.get("overrides", {}).get(member) or definition.get(member)
        if not role:
            return None
        ctx, name = self._state.ctx, task["taskArn"].rpartition("/")[2]
        context: Context = {"aws:sourcearn": f"arn:aws:ecs:{ctx.region}:{ctx.account}:*"}
        try:
            return ctx.iam.assume(role, SERVICE, name, owner(task), context)
        except DeniedError as error:
            text = f"ECS was unable to assume the role '{role}' that was provided for this task. Please verify that the"
            more = "role being passed has the proper trust relationship and permissions"
            raise StartError(f"{text} {more}: {error}") from error

    async def make(self, task: Doc, parts: list[Part]) -> None:
        """Create all containers; the first one (or a pause container, if there are several) owns the address.

        Raises:
            StartError: Docker returns an error.
        """
        try:
            first = None
            if len(parts) > 1:
                first = await self._pause(task)
            for part in parts:
                made = await self._make(task, part, first)
                container_of(task, part.name)["runtimeId"] = made
        except docker.errors.DockerException as error:
            raise StartError(f"CannotCreateContainerError: {explained(error)}") from error

    async def _make(self, task: Doc, part: Part, first: str | None) -> str:
        api = self._engine.client.api
        network = {"network_mode": f"container:{first}" if first else self._engine.network}
        if first:
            part.create.pop("hostname", None)
            part.host.pop("extra_hosts", None)
        made = await self._engine.call(
            api.create_container,
            **part.create,
            labels=self._engine.labels(task=task["taskArn"], container=part.name),
            host_config=api.create_host_config(**part.host, **network),
        )
        return str(made["Id"])

    async def _pause(self, task: Doc) -> str:
        api = self._engine.client.api
        made = await self._engine.call(
            api.create_container,
            self.pause_image,
            ["sleep", "infinity"],
            entrypoint=[],
            user="root",
            name=containers.docker_name(task, containers.PAUSE),
            labels=self._engine.labels(task=task["taskArn"], container=containers.PAUSE),
            host_config=api.create_host_config(network_mode=self._engine.network, init=True),
        )
        await self._engine.call(api.start, made["Id"])
        task["pause"] = made["Id"]
        return str(made["Id"])

    async def start(self, task: Doc, part: Part, row: Doc) -> None:
        """Start a container once its dependencies have met their conditions.

        Raises:
            StartError: Docker returns an error, or a dependency fails.
        """
        for dependency in row.get("dependsOn", []):
            await self._wait_for(task, dependency["containerName"], dependency["condition"])
        try:
            await self._engine.call(self._engine.client.api.start, container_of(task, part.name)["runtimeId"])
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
        found = await self._engine.insist(self._engine.client.api.inspect_container, container_id)
        return dict(found["State"])

    async def address(self, task: Doc) -> tuple[str, str]:
        """Return the task's IP and MAC address."""
        holder = task.get("pause") or task["containers"][0]["runtimeId"]
        found = await self._engine.call(self._engine.client.api.inspect_container, holder)
        settings = found["NetworkSettings"]["Networks"][self._engine.network]
        return settings["IPAddress"], settings["MacAddress"]


def owner(task: Doc) -> str:
    """Return the owner name of a task's role sessions."""
    return f"task {task['taskArn']}"


def container_of(task: Doc, name: str) -> Doc:
    """Return a task's container document by name."""
    found: Doc = next(row for row in task["containers"] if row["name"] == name)
    return found


def explained(error: Exception) -> str:
    """Return Docker's explanation of an error, in one line."""
    return " ".join(str(getattr(error, "explanation", None) or error).split())
