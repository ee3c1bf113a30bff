"""CodePipeline: runs V1 and V2 pipelines with CodeBuild builds, commits of the local GitHub, and approvals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from localcloud.gateway.protocol import Api
from localcloud.services.codepipeline.action_records import Ledger
from localcloud.services.codepipeline.action_types import ActionTypes
from localcloud.services.codepipeline.approvals import Approvals
from localcloud.services.codepipeline.background_jobs import Background
from localcloud.services.codepipeline.builds import Builds
from localcloud.services.codepipeline.engine import Engine
from localcloud.services.codepipeline.events import Events
from localcloud.services.codepipeline.execution_starts import Starter
from localcloud.services.codepipeline.executions import Executions
from localcloud.services.codepipeline.history import History
from localcloud.services.codepipeline.pipelines import Pipelines
from localcloud.services.codepipeline.runner import Runner
from localcloud.services.codepipeline.sources import Sources
from localcloud.services.codepipeline.stages import Stages
from localcloud.services.codepipeline.state import State
from localcloud.services.codepipeline.triggers import Triggers
from localcloud.services.codepipeline.webhooks import Webhooks

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from localcloud.context import Context
    from localcloud.github import GitHub
    from localcloud.services.codebuild import CodeBuild
    from localcloud.services.codeconnections import CodeConnections
    from localcloud.state.table import Doc

WEBHOOKS = "/_localcloud/codepipeline/webhooks/"


class CodePipeline(Api):
    """The API with the signing name codepipeline."""

    api = "codepipeline"
    signing_name = "codepipeline"

    def __init__(self, ctx: Context, github: GitHub, codebuild: CodeBuild, connections: CodeConnections) -> None:
        """Load the tables; no execution runs before `start`.

        Args:
            ctx: the local cloud.
            github: the local GitHub, where sources and push events come from.
            codebuild: the service that runs builds.
            connections: the connections that source actions use.
        """
        self._state = State(ctx)
        self.events = Events(self._state)
        ledger = Ledger(self._state, self.events)
        starter = Starter(self._state, self.events)
        background = Background(lambda: starter.wake())
        approvals = Approvals(ledger, background)
        sources = Sources(ledger, github, connections, background)
        self._runner = Runner(
            ledger,
            {
                "CodeStarSourceConnection": sources,
                "GitHub": sources,
                "CodeBuild": Builds(ledger, codebuild),
                "Manual": approvals,
            },
        )
        self._engine = Engine(ledger, self._runner)
        starter.wake = self._engine.wake
        self._codebuild = codebuild
        self._webhooks = Webhooks(self._state, starter)
        self.control = self._control
        github.subscribe(Triggers(self._state, starter, connections).heard)
        super().__init__([
            Pipelines(self._state, starter, connections, self._abandon),
            Executions(self._state, starter, self.events),
            History(self._state),
            Stages(self._state, starter, approvals),
            self._webhooks,
            ActionTypes(),
        ])  # fmt: skip

    async def start(self) -> None:
        """Resume the executions in progress."""
        self._engine.start()

    async def stop(self) -> None:
        """Stop the engine; builds and approvals continue."""
        await self._engine.stop()

    async def reset(self) -> None:
        """Remove all pipelines, executions and webhooks."""
        await self._engine.stop()
        for table in (self._state.executions, self._state.actions, self._state.pipelines, self._state.webhooks):
            table.clear()

    def _abandon(self, execution: Doc) -> None:
        """Stop the builds of an execution whose pipeline is deleted: nothing would follow them any more."""
        for action in self._state.actions.values():
            if action["execution"] == execution["id"] and action["status"] == "InProgress":
                self._runner.forget(action)
                if action["type"]["provider"] == "CodeBuild" and "externalId" in action:
                    self._codebuild.stop_build(action["externalId"])

    async def _control(self, request: Request) -> Response:
        """Serve GitHub's webhook deliveries."""
        if request.method == "POST" and request.url.path.startswith(WEBHOOKS):
            return await self._webhooks.receive(request, request.url.path.removeprefix(WEBHOOKS))
        return JSONResponse({"message": f"{request.method} {request.url.path} is not served here"}, 404)
