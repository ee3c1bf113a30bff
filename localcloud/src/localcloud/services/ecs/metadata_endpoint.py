"""The pages that tasks read through the proxy: their metadata and the credentials of their role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import docker
from starlette.responses import JSONResponse, PlainTextResponse

from localcloud.services.ecs import metadata, task_roles
from localcloud.services.ecs.metadata_proxy import PAGES

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from localcloud.services.ecs.state import State
    from localcloud.services.ecs.task_containers import Maker
    from localcloud.state.table import Doc


class MetadataEndpoint:
    """Answers tasks; whoever knows an identity is believed, so each container has one of its own."""

    def __init__(self, state: State, maker: Maker) -> None:
        """Use ECS's documents, and Docker for the tasks' addresses."""
        self._state, self._maker = state, maker

    async def control(self, request: Request) -> Response:
        """Handle GET /_localcloud/ecs/v4/ID, .../v4/ID/task and .../v2/credentials/ID."""
        path = request.url.path.removeprefix(PAGES)
        if request.method != "GET":
            return PlainTextResponse("only GET is served here\n", 405)
        if path.startswith(metadata.CREDENTIALS):
            return await self._credentials(path.removeprefix(metadata.CREDENTIALS))
        identity, _, page = path.removeprefix(metadata.VERSION).partition("/")
        if page not in ("", "task"):
            return PlainTextResponse(f"the local cloud does not serve {page}\n", 404)
        return await self._metadata(identity, whole=page == "task")

    async def _metadata(self, identity: str, *, whole: bool) -> Response:
        task, name = next(
            ((task, name) for task in self._tasks() for name, own in task["metadata"].items() if own == identity),
            (None, ""),
        )
        if task is None:
            return PlainTextResponse("V4 metadata handler: no container has this ID\n", 404)
        definition = self._state.definition(task["taskDefinitionArn"])
        try:
            network = await self._maker.network(task)
        except docker.errors.NotFound:
            return PlainTextResponse("V4 metadata handler: the container is gone\n", 404)
        region = self._state.ctx.region
        if whole:
            return JSONResponse(metadata.of_task(task, definition, network, region))
        container = next(row for row in definition["containerDefinitions"] if row["name"] == name)
        return JSONResponse(metadata.of_container(task, definition, container, network, region))

    async def _credentials(self, identity: str) -> Response:
        task = next((task for task in self._tasks() if task["credentials"] == identity), None)
        if task is None:
            return failure(400, "InvalidIdInRequest", "CredentialsV2Request: ID not found")
        definition = self._state.definition(task["taskDefinitionArn"])
        try:
            session = await self._maker.session(task, definition)
        except task_roles.RoleError as error:
            return failure(400, "AccessDenied", str(error))
        if session is None:
            return failure(400, "NoCredentialsAssociated", "CredentialsV2Request: the task has no role")
        return JSONResponse(metadata.credentials(task_roles.role(task, definition, task_roles.TASK), session))

    def _tasks(self) -> list[Doc]:
        """Return the tasks that may ask: those of an earlier version of the local cloud have no identities."""
        return [task for task in self._state.tasks.values() if task["lastStatus"] != "STOPPED" and "metadata" in task]


def failure(status: int, code: str, message: str) -> Response:
    """Return an error as the credentials endpoint writes it."""
    return JSONResponse({"code": code, "message": message, "HTTPErrorCode": status}, status)
