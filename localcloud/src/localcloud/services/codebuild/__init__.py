"""CodeBuild: runs real buildspecs in containers of the local Docker Engine."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from localcloud.docker_engine import build_leftovers
from localcloud.docker_engine.service_containers import ServiceContainers
from localcloud.gateway.protocol import Api, ApiError
from localcloud.services.codebuild import build_documents, validation
from localcloud.services.codebuild.build_context import Parts
from localcloud.services.codebuild.builds import Builds
from localcloud.services.codebuild.credentials import Credentials
from localcloud.services.codebuild.projects import Projects
from localcloud.services.codebuild.reports import Reports
from localcloud.services.codebuild.runner import Runner
from localcloud.services.codebuild.state import State, shown
from localcloud.services.codebuild.webhooks import Webhooks

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from localcloud.context import Context
    from localcloud.github import GitHub

__all__ = ["Artifact", "CodeBuild"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """A pipeline artifact: a zip file in S3."""

    name: str
    bucket: str
    key: str


class CodeBuild(Api):
    """The API with the signing name codebuild."""

    api = "codebuild"
    signing_name = "codebuild"
    invalid_code = "InvalidInputException"

    def __init__(self, ctx: Context, github: GitHub) -> None:
        """Load the tables; no build runs before `start`.

        Args:
            ctx: the local cloud.
            github: the local GitHub: where sources are fetched from and commit statuses are reported.
        """
        self._state = State(ctx)
        self._engine = ServiceContainers(ctx, "build")
        parts = Parts(state=self._state, engine=self._engine, github=github)
        self._runner = Runner(parts)
        self._builds = Builds(self._state, self._runner.launch, self._runner.halt)
        self._webhooks = Webhooks(parts, self._builds, self._engine.call)
        super().__init__([
            Projects(self._state, self._runner.forget, self._runner.emptied),
            self._builds,
            Reports(self._state),
            self._webhooks,
            Credentials(self._state),
        ])  # fmt: skip
        self.control = self._control

    async def _control(self, request: Request) -> Response:
        return await self._webhooks.receive(request)

    async def start(self) -> None:
        """Resume the builds that were in progress."""
        await self._runner.start()

    async def stop(self) -> None:
        """Stop following builds; their containers keep running."""
        await self._runner.close()
        await self._engine.close()

    async def reset(self) -> None:
        """Remove everything: containers, work folders, caches and tables."""
        await self._runner.close()
        for container in await self._engine.containers():
            await self._engine.remove(container.id)
        await self._runner.emptied(None)
        with contextlib.suppress(FileNotFoundError):
            await self._engine.call(shutil.rmtree, self._state.ctx.state_dir / build_leftovers.BUILDS)
        self._state.clear()

    def start_from_pipeline(  # noqa: PLR0913 - each is a parameter of its own
        self,
        *,
        project: str,
        inputs: list[Artifact],
        primary: str,
        outputs: list[Artifact],
        environment: list[dict[str, str]],
        execution: str,
        initiator: str,
        source_version: str,
        batch: bool,
    ) -> str:
        """Start a build for a pipeline action and return its identifier, "project:uuid".

        Args:
            project: the project's name.
            inputs: the input artifacts to unpack.
            primary: the name of the input artifact that is the primary source.
            outputs: where to store the output artifacts.
            environment: variables that override the project's: name, value and, unless PLAINTEXT, type.
            execution: the pipeline execution's identifier.
            initiator: as the API shows it: "codepipeline/NAME".
            source_version: the primary artifact's revision, e.g. a commit.
            batch: the action's BatchEnabled; true is refused.

        Raises:
            ApiError: there is no such project, or AWS or this machine rejects the build.
        """
        if batch:
            raise validation.unsupported("BatchEnabled")
        found = next((row for row in inputs if row.name == primary), None)
        if found is None:
            raise validation.invalid(f"the primary source {primary!r} is none of the input artifacts")
        doc = self._state.project(project)
        settings = build_documents.settings_of(doc)
        kept = {"buildspec"} & set(settings["source"])
        settings["source"] = {"type": "CODEPIPELINE"} | {name: settings["source"][name] for name in kept}
        settings["artifacts"] = {"type": "CODEPIPELINE", "name": doc["name"]}
        for name in ("secondarySources", "secondarySourceVersions", "secondaryArtifacts"):
            settings.pop(name, None)
        settings["sourceVersion"] = f"arn:aws:s3:::{found.bucket}/{found.key}"
        build_documents.with_variables(settings, environment)
        build = self._builds.begun(
            doc,
            settings,
            initiator=initiator,
            resolvedSourceVersion=source_version,
            _inputs=[asdict(row) for row in inputs],
            _primary=primary,
            _outputs=[asdict(row) for row in outputs],
            _execution=execution,
        )
        return str(build["id"])

    def build(self, build_id: str) -> dict[str, Any] | None:
        """Return a build as BatchGetBuilds shows it, or None if there is no such build."""
        found = self._state.build(build_id)
        return None if found is None else shown(found)

    def stop_build(self, build_id: str) -> None:
        """Request that a build stop; does nothing if the build is complete or does not exist."""
        with contextlib.suppress(ApiError):
            self._builds.stop_build({"id": build_id})
