"""One build, from the queue to completion."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from typing import TYPE_CHECKING

import docker

from localcloud.docker_engine import build_leftovers
from localcloud.iam.authority import DeniedError
from localcloud.services.codebuild import (
    build_results,
    build_start,
    container_output,
    lambda_compute,
    metrics,
    phases,
    statuses,
)
from localcloud.services.codebuild.build import Build
from localcloud.services.codebuild.build_context import container_name
from localcloud.services.codebuild.log_upload import Shipment
from localcloud.services.codebuild.phase_error import PhaseError

if TYPE_CHECKING:
    from localcloud.iam.sessions import Doc as Session
    from localcloud.services.codebuild.build_context import Parts
    from localcloud.services.codebuild.transcript import Transcript
    from localcloud.state.table import Doc

POLL_SECONDS = 0.5
DRAIN_SECONDS = 5.0
MINUTE = 60
SERVICE = "codebuild.amazonaws.com"
LOG = logging.getLogger(__name__)


class BuildRun(Build):
    """Runs a build, or resumes one after the local cloud was killed."""

    def __init__(self, parts: Parts, build: Doc, slots: asyncio.Semaphore) -> None:
        """Initialize with the build and the semaphore that limits concurrent builds; nothing runs before `run`."""
        super().__init__(parts, build)
        self._slots, self._has_slot = slots, False
        self._halt = asyncio.Event()

    def stop(self) -> None:
        """Request that the build stop, without waiting."""
        self._halt.set()

    def _assumed(self) -> Session:
        """Assume the build's role; a resumed build gets the same credentials.

        Raises:
            PhaseError: the role does not exist or does not trust CodeBuild for this project.
        """
        build, iam = self.build, self.parts.state.ctx.iam
        name, source = f"AWSCodeBuild-{build['id'].rpartition(':')[2]}", build["_project_arn"]
        try:
            return iam.assume(build["serviceRole"], SERVICE, name, owner(build), {"aws:sourcearn": source})
        except DeniedError as error:
            text = f"CodeBuild is not authorized to perform: sts:AssumeRole on {build['serviceRole']}: {error}"
            raise PhaseError("ACCESS_DENIED", text) from error

    async def run(self) -> None:
        """Run to completion. If cancelled, the container keeps running; another process may resume the build."""
        self.shipment = Shipment(self.parts.state, self.parts.engine, self.build)
        await self.shipment.start()
        work = asyncio.create_task(self._work())
        try:
            await self._watch(work)
            await self._complete(self.halted or self.build["_outcome"])
            await statuses.report(self.parts, self.build)
            await self.clear()
        except asyncio.CancelledError:
            work.cancel()
            self.shipment.cancel()
            raise
        finally:
            if self._has_slot:
                self._slots.release()

    async def _watch(self, work: asyncio.Task[None]) -> None:
        """Wait for the work to finish; end it early when the build is stopped or times out."""
        halting = asyncio.create_task(self._halt.wait())
        try:
            while not work.done():
                await asyncio.wait({work, halting}, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                self.halted = "" if work.done() else self._ended_early()
                if self.halted:
                    if self.build["_stage"] == "running":
                        await self._kill()
                        await asyncio.wait({work}, timeout=DRAIN_SECONDS)
                    work.cancel()
                    await asyncio.gather(work, return_exceptions=True)
                    return
            await work
        finally:
            halting.cancel()

    async def _kill(self) -> None:
        """Kill the container if it is running; its log can still be read."""
        with contextlib.suppress(docker.errors.APIError):
            await self.parts.engine.insist(self.parts.engine.client.api.kill, container_name(self.build))

    def _ended_early(self) -> str:
        if self._halt.is_set():
            return "STOPPED"
        begun, limit = self.build["startTime"], self.build["queuedTimeoutInMinutes"]
        if "_left_queue" in self.build:
            begun, limit = self.build["_left_queue"], lambda_compute.minutes(self.build)
        return "TIMED_OUT" if self.parts.state.now() > begun + limit * MINUTE else ""

    async def _queued(self) -> None:
        """Wait in the queue for a free slot."""
        build, now = self.build, self.parts.state.now
        await self.parts.engine.call(build_start.log_stream, self)
        phases.leave(build, "SUCCEEDED", now())
        phases.enter(build, "QUEUED", now())
        self.save()
        await self._take_slot()
        phases.leave(build, "SUCCEEDED", now())
        build["_left_queue"] = now()

    async def _take_slot(self) -> None:
        await self._slots.acquire()
        self._has_slot = True

    async def _work(self) -> None:
        """Run all phases; the outcome is stored in the document's "_outcome"."""
        self.build["_outcome"] = "FAILED"
        try:
            self.session = self._assumed()
            if self.build["_stage"] == "running":
                await self._take_slot()
                reader = await container_output.taken_up(self)
            else:
                await self._queued()
                reader = await build_start.started(self)
            await container_output.followed(self, reader)
            if not self.halted:
                self._judge(reader)
                await build_results.finished(self, reader)
        except PhaseError as error:
            self._failed(error.state, error.code, str(error))
        except asyncio.CancelledError:
            raise
        except Exception as error:  # an internal error ends the build as FAULT, as on AWS
            LOG.exception("build %s failed in the local cloud", self.build["id"])
            self._failed("FAULT", "INTERNAL_SERVICE_ERROR", f"{type(error).__name__}: {error}")
            self.build["_outcome"] = "FAULT"

    def _judge(self, reader: Transcript) -> None:
        """Set the build's outcome so far to that of the commands."""
        self.build["_outcome"] = "FAILED" if reader.failed or not reader.done else "SUCCEEDED"

    def _failed(self, state: str, code: str, message: str) -> None:
        """End the current phase with an error."""
        phase = self.build["currentPhase"]
        self.build["_outcome"] = "FAILED"
        phases.leave(self.build, state, self.parts.state.now(), code, message)
        self.say(f"Phase complete: {phase} State: {state}", f"Phase context status code: {code} Message: {message}")

    async def _complete(self, outcome: str) -> None:
        """Record that the build is complete, after its whole log: whoever sees the end can read all of the log."""
        now = self.parts.state.now()
        if outcome == "TIMED_OUT":
            phases.leave(self.build, "TIMED_OUT", now, "BUILD_TIMED_OUT", "Build has timed out. ")
            self.say("Build has timed out")
        elif outcome == "STOPPED":
            phases.leave(self.build, "STOPPED", now)
            self.say("Build stopped")
        else:
            phases.enter(self.build, "FINALIZING", now)
            phases.leave(self.build, "SUCCEEDED", now)
        if self.shipment is not None:
            await self.shipment.close()
        phases.complete(self.build, outcome, now)
        self.build["_stage"] = "over"
        self.save()
        metrics.publish(self.parts.state.ctx.cloudwatch, self.build)

    async def clear(self) -> None:
        """Remove the container and the work folder, and revoke the role's credentials."""
        self.parts.state.ctx.iam.sessions.end(owner(self.build))
        await self.parts.engine.remove(container_name(self.build))
        await cleared(self.parts, self.build)


def owner(build: Doc) -> str:
    """Return the owner under which a build's credentials are issued."""
    return f"build {build['id']}"


async def cleared(parts: Parts, build: Doc) -> None:
    """Remove a build's work folder; files that the container's root user left are removed by a container as root."""
    folder = parts.folder(build)
    if build["environment"].get("privilegedMode"):
        left = await parts.engine.insist(build_leftovers.remove, parts.engine.client, folder)
        if left:
            LOG.warning("build %s had left containers behind: %s", build["id"], ", ".join(left))
    await parts.engine.call(shutil.rmtree, folder, ignore_errors=True)
    if folder.exists():
        with contextlib.suppress(docker.errors.DockerException):
            await parts.engine.insist(
                parts.engine.client.containers.run,
                parts.state.ctx.images.get("PYTHON_IMAGE", build["environment"]["image"]),
                entrypoint=["rm", "-rf", str(folder)],
                volumes=[f"{folder.parent}:{folder.parent}"],
                labels=parts.engine.labels(),
                remove=True,
            )
