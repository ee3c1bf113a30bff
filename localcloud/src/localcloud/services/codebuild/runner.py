"""Runs the builds: at most three at once, in order; they are resumed after any kind of stop."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from localcloud.gateway import limits
from localcloud.gateway.protocol import ApiError
from localcloud.services.codebuild import caches, phases
from localcloud.services.codebuild.build_run import BuildRun, cleared, owner
from localcloud.settings import label

if TYPE_CHECKING:
    from localcloud.services.codebuild.build_context import Parts
    from localcloud.state.table import Doc

AT_ONCE = 3
STOP_SECONDS = 20
ROOM_SECONDS = 1
"""Seconds between checks for disk space, for a build whose end could not be written."""
LOG = logging.getLogger(__name__)


class Runner:
    """Runs one task for each build that is not complete."""

    def __init__(self, parts: Parts) -> None:
        """Initialize with the parts that builds use."""
        self._parts = parts
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._runs: dict[str, BuildRun] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def launch(self, build: Doc) -> None:
        """Run a build in the background."""
        run = self._runs[build["id"]] = BuildRun(self._parts, build, self._slots)
        self._tasks[build["id"]] = asyncio.create_task(self._run(run), name=f"build {build['id']}")

    async def _run(self, run: BuildRun) -> None:
        full = False
        try:
            await run.run()
        except limits.LimitError as error:
            LOG.error("build %s waits: %s", run.build["id"], error)  # noqa: TRY400  the message is enough
            full = True
        except Exception:  # logged; the other builds go on
            LOG.exception("build %s: its end failed", run.build["id"])
        finally:
            self._runs.pop(run.build["id"], None)
            self._tasks.pop(run.build["id"], None)
        if full:  # as after a restart: resume from its container
            while limits.no_room(self._parts.state.ctx.state_dir):  # noqa: ASYNC110  a disk cannot set an event
                await asyncio.sleep(ROOM_SECONDS)
            self.launch(run.build)

    def halt(self, identifier: str) -> None:
        """Request that a build stop."""
        if identifier in self._runs:
            self._runs[identifier].stop()

    async def start(self) -> None:
        """Resume builds after a stop, running containers first, then the queue; remove what belongs to no build."""
        builds = self._parts.state.builds
        alive = [build for build in builds.values() if build["_stage"] != "over"]
        self._parts.state.ctx.iam.sessions.keep("build", {owner(build) for build in alive})
        for container in await self._parts.engine.containers():
            if container.labels.get(label("build")) not in [build["id"] for build in alive]:
                await self._parts.engine.remove(container.id)
        for build in builds.values():
            if build["_stage"] == "over" and self._parts.folder(build).exists():
                await cleared(self._parts, build)
        for build in sorted(alive, key=lambda row: (row["_stage"] != "running", row["startTime"])):
            if build["_stage"] == "queued":
                phases.restart(build)
            self.launch(build)

    async def close(self) -> None:
        """End the tasks; containers keep running."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def forget(self, project: str) -> None:
        """Stop a project's builds; delete them and the project's caches."""
        rows = [build for build in self._parts.state.builds.values() if build["projectName"] == project]
        tasks = [self._tasks[build["id"]] for build in rows if build["id"] in self._tasks]
        for build in rows:
            self.halt(build["id"])
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_SECONDS)
        for build in rows:
            self._parts.state.builds.delete(build["id"])
        await self.emptied(project)

    async def emptied(self, project: str | None) -> None:
        """Remove a project's caches (None: those of all projects) after the containers of completed builds.

        Raises:
            ApiError: a running build uses a cache.
        """
        rows = self._parts.state.builds.values()
        ending = [self._tasks[row["id"]] for row in rows if row["buildComplete"] and row["id"] in self._tasks]
        if ending:
            await asyncio.wait(ending, timeout=STOP_SECONDS)
        used = await self._parts.engine.call(caches.remove, self._parts.engine, project)
        if used:
            raise ApiError(
                "InvalidInputException", f"the cache {used[0]} is in use by a build that runs: stop it first"
            )
