"""Reading the output of a running build's container, from the first line."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

import docker

from localcloud.services.codebuild import build_start, buildspec, phases
from localcloud.services.codebuild.build_context import container_name
from localcloud.services.codebuild.phase_error import PhaseError
from localcloud.services.codebuild.script import MARK
from localcloud.services.ecs.logs import moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.services.codebuild.build import Build
    from localcloud.services.codebuild.transcript import Transcript

GONE = "the build's container is gone; it was removed or stopped while the local cloud did not run"
KILLED = (137, 143, -1)
"""Exit statuses of a container that was killed, stopped or removed."""
Item = tuple[str, str] | None


async def taken_up(run: Build) -> Transcript:
    """Resume a build whose container is already running; return a new reader of its output.

    Raises:
        PhaseError: the container is gone.
    """
    build, engine = run.build, run.parts.engine
    try:
        found: Any = await engine.insist(engine.client.api.inspect_container, container_name(build))
    except docker.errors.NotFound as error:
        raise PhaseError("INTERNAL_SERVICE_ERROR", GONE) from error
    if found["State"]["Status"] == "created":
        await engine.call(engine.client.api.start, container_name(build))
    environment = dict(pair.split("=", 1) for pair in found["Config"]["Env"] if "=" in pair)
    build["phases"] = [row for row in build["phases"] if row["phaseType"] in phases.BEFORE_COMMANDS]
    if run.shipment is not None:
        run.shipment.add([(when, text) for when, text in build["_preamble"]])
    run.spec = build_start.with_runtimes(buildspec.parse(build["_spec"]), build)
    run.places, run.variables = build["_places"], environment
    return run.reader([environment.get(name, "") for name in build["_secret_names"]])


async def followed(run: Build, reader: Transcript) -> None:
    """Read the container's output to its end, then determine how the container ended.

    Docker may end the log stream before the container's last lines (moby/moby#16463 describes one case). An incomplete
    output is therefore read once more after the container has exited.

    Raises:
        PhaseError: the shell ended before the build script did.
    """
    engine, seen, status = run.parts.engine, 0, None
    while True:
        queue: asyncio.Queue[Item] = asyncio.Queue()
        reading(engine.client, container_name(run.build), queue)
        seen = max(seen, await fed(run, reader, queue, seen, last=status is not None))
        if reader.done:
            return
        if status is not None:
            ended_without_a_word(run, status)
            return
        state = await exit_state(run)
        if state is None or state["Status"] not in ("running", "restarting"):
            status = -1 if state is None else int(state.get("ExitCode", -1))
        else:
            await asyncio.sleep(0.2)


async def fed(run: Build, reader: Transcript, queue: asyncio.Queue[Item], seen: int, *, last: bool) -> int:
    """Feed the reader the lines of one pass over the log, without those already seen; return the number of lines in it.

    An unterminated line is read again, complete, in the next pass, unless this is the last one.
    """
    number = 0
    while (item := await queue.get()) is not None:
        if not (last or item[1].endswith("\n")):
            continue
        number += 1
        if number > seen:
            ahead = run.parts.state.ctx.clock.now() - time.time()
            rows = reader.feed(moment(item[0]), item[1].rstrip("\r\n"), ahead)
            if run.shipment is not None:
                run.shipment.add(rows)
            if MARK in item[1]:
                run.save()
    return number


async def exit_state(run: Build) -> dict[str, Any] | None:
    """Return the container's state in Docker, or None if the container is gone."""
    engine = run.parts.engine
    try:
        found: Any = await engine.insist(engine.client.api.inspect_container, container_name(run.build))
    except docker.errors.NotFound:
        return None
    return dict(found["State"])


def ended_without_a_word(run: Build, status: int) -> None:
    """Fail a build whose shell ended before the build script did: killed, or a command removed its trap."""
    if run.halted:
        return
    why = GONE if status in KILLED else "a command has ended it"
    raise PhaseError("COMMAND_EXECUTION_ERROR", f"the build's shell ended with exit status {status}; {why}")


def reading(client: Any, name: str, queue: asyncio.Queue[Item]) -> None:
    """Read a container's log in a thread: put (timestamp, line with its newline) items, then None."""
    loop = asyncio.get_running_loop()

    def put(item: Item) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, item)

    threading.Thread(target=read, args=(client, name, put), daemon=True, name=f"log {name}").start()


def read(client: Any, name: str, put: Callable[[Item], None]) -> None:
    """Read all lines; Docker splits lines above 16 KiB, here they are joined again."""
    stamp, parts = "", []
    with contextlib.suppress(Exception):  # the container is gone, or the daemon or the event loop has stopped
        for chunk in client.api.logs(name, stream=True, follow=True, timestamps=True, stdout=True, stderr=True):
            when, _, text = chunk.decode(errors="replace").partition(" ")
            stamp = stamp or when
            parts.append(text)
            if text.endswith("\n"):
                put((stamp, "".join(parts)))
                stamp, parts = "", []
    with contextlib.suppress(RuntimeError):
        if parts:
            put((stamp, "".join(parts)))
        put(None)
