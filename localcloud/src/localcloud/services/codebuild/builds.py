"""The API operations on builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError, Params
from localcloud.services.codebuild import build_documents, validation
from localcloud.services.codebuild.state import OVER, State, directed, page, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.state.table import Doc

TOKEN_SECONDS = 300


class Builds:
    """Implements the operations on builds."""

    def __init__(self, state: State, launch: Callable[[Doc], None], halt: Callable[[str], None]) -> None:
        """Initialize with the state and the runner's functions.

        Args:
            state: the service's state.
            launch: runs a new build in the background.
            halt: requests that the build with an identifier stop, without waiting.
        """
        self._state, self._launch, self._halt = state, launch, halt
        self._tokens: dict[str, tuple[float, Params, str]] = {}

    def start_build(self, params: Params) -> Params:
        """Start a build of a project with overrides; a token repeated within five minutes starts nothing."""
        known = self._known(params)
        if known is not None:
            return {"build": shown(known)}
        project = self._state.project(params["projectName"])
        build = self.begun(project, build_documents.overridden(project, params), initiator="local")
        if params.get("idempotencyToken"):
            self._tokens[params["idempotencyToken"]] = (self._state.now(), params, build["id"])
        return {"build": shown(build)}

    def begun(self, project: Doc, settings: Doc, *, initiator: str, **own: object) -> Doc:
        """Create a build document and start the build.

        Args:
            project: the project.
            settings: its settings with overrides applied.
            initiator: who started the build, as the API shows it.
            own: further fields of the document.

        Raises:
            ApiError: the project's concurrent build limit is reached, or its environment cannot run here.
        """
        if settings["source"]["type"] == "CODEPIPELINE" and "_inputs" not in own:
            raise validation.invalid(
                f"Project {project['name']} has source type CODEPIPELINE: only a pipeline can start it; "
                "otherwise give sourceTypeOverride and artifactsOverride"
            )
        validation.runnable(settings, self._state.architectures())
        limit = project.get("concurrentBuildLimit")
        running = [row for row in self._state.builds.values() if row["projectName"] == project["name"]]
        if limit is not None and sum(not row["buildComplete"] for row in running) >= limit:
            text = f"Cannot have more than {limit} builds in queue for the project {project['name']}"
            raise ApiError("AccountLimitExceededException", text)
        build = build_documents.document(self._state, project, settings, initiator) | own
        self._state.builds.put(build["id"], build)
        self._launch(build)
        return build

    def _known(self, params: Params) -> Doc | None:
        token = params.get("idempotencyToken", "")
        made, before, identifier = self._tokens.get(token, (0.0, {}, ""))
        if not token or self._state.now() - made > TOKEN_SECONDS:
            return None
        if before != params:
            raise validation.invalid("Parameters do not match those of the request that had the same idempotencyToken")
        return self._state.builds.get(identifier)

    def stop_build(self, params: Params) -> Params:
        """Request that a build stop; a build that is complete stays as it is."""
        build = self._found(params["id"])
        if build["buildStatus"] not in OVER:
            self._halt(build["id"])
        return {"build": shown(build)}

    def retry_build(self, params: Params) -> Params:
        """Run a completed build again with the same settings."""
        build = self._found(params.get("id", ""))
        if not build["buildComplete"]:
            raise validation.invalid(f"Cannot retry build {build['id']}: it is not over")
        if build["source"]["type"] == "CODEPIPELINE":
            raise validation.invalid(
                f"Cannot retry build {build['id']}: a pipeline started it; retry the pipeline's stage"
            )
        project = self._state.project(build["projectName"])
        own = {name: build[name] for name in ("_webhook", "_commit") if name in build}
        return {"build": shown(self.begun(project, build["_settings"], initiator="local", **own))}

    def batch_get_builds(self, params: Params) -> Params:
        """Return builds by identifier or ARN."""
        found = {name: self._state.build(name) for name in params["ids"]}
        return {
            "builds": [shown(doc) for doc in found.values() if doc is not None],
            "buildsNotFound": [name for name, doc in found.items() if doc is None],
        }

    def batch_delete_builds(self, params: Params) -> Params:
        """Delete completed builds."""
        deleted, kept = [], []
        for name in params["ids"]:
            build = self._state.build(name)
            if build is None or not build["buildComplete"]:
                kept.append({"id": name, "statusCode": "BUILD_NOT_FOUND" if build is None else "BUILD_IN_PROGRESS"})
            else:
                self._state.builds.delete(build["id"])
                deleted.append(build["arn"])
        return {"buildsDeleted": deleted, "buildsNotDeleted": kept}

    def list_builds(self, params: Params) -> Params:
        """List the identifiers of all builds, newest first."""
        ids, token = page(directed([doc["id"] for doc in self._state.builds.values()], params, "DESCENDING"), params)
        return {"ids": ids, "nextToken": token}

    def list_builds_for_project(self, params: Params) -> Params:
        """List the identifiers of a project's builds, newest first."""
        name = self._state.project(params["projectName"])["name"]
        rows = [doc["id"] for doc in self._state.builds.values() if doc["projectName"] == name]
        ids, token = page(directed(rows, params, "DESCENDING"), params)
        return {"ids": ids, "nextToken": token}

    def _found(self, name: str) -> Doc:
        found = self._state.build(name)
        if found is None:
            raise ApiError("ResourceNotFoundException", f"Build cannot be found: {name}")
        return found
