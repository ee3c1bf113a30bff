"""Subprocesses: their output on failure, progress lines while they run."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from buildlog import failing_step
from delivery import interruption
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from delivery.console import Say

HEARTBEAT_SECONDS = 15
END_SECONDS = 20  # bin/test removes its containers in that time
READ_SECONDS = 5  # what a program left running may hold its output open after its end
CHUNK = 64 * 1024


class ProgramError(DeliveryError):
    """A program ended with an exit code other than 0; `output` is what it wrote, where that was kept."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


def show(
    command: Sequence[str], title: str, environment: Mapping[str, str] | None = None, seconds: float = math.inf
) -> None:
    """Run a program and show its output as it is written; end it after so many seconds.

    Raises:
        ProgramError: it failed, or has not ended in time; of a failed image build the step's last lines are shown
            again, as the last ones.
    """
    try:
        code, text = _run(command, environment, shown=True, seconds=seconds)
    except subprocess.TimeoutExpired as late:
        raise _late(title, seconds) from late
    if code:
        raise _failed(title, code, text)


def quietly(
    command: Sequence[str],
    title: str,
    say: Say,
    environment: Mapping[str, str] | None = None,
    seconds: float = math.inf,
) -> str:
    """Run a program with a progress line every 15 seconds; show its output only if it fails.

    It is ended after so many `seconds`.

    Returns:
        What it wrote.

    Raises:
        ProgramError: it failed, its output has been shown, and at last what `show` shows; or it has not ended in time.
    """
    began = time.monotonic()

    def beat() -> None:
        say(f"{title}: {time.monotonic() - began:.0f} s so far")

    try:
        code, text = _run(command, environment, beat, seconds=seconds)
    except subprocess.TimeoutExpired as late:
        raise _late(title, seconds) from late
    if code:
        print(text, flush=True)
        raise _failed(title, code, text)
    return text


def _late(title: str, seconds: float) -> ProgramError:
    return ProgramError(f"{title} has not ended within {seconds / 60:.0f} minutes")


def _failed(title: str, code: int, text: str) -> ProgramError:
    """Show the step of an image build that failed, and return the error that names it."""
    step = failing_step(text)
    if step:
        print(step.text(), flush=True)
    where = f" in {step.line}" if step else "; its output is above"
    return ProgramError(f"{title} failed (exit code {code}){where}", text)


def _run(
    command: Sequence[str],
    environment: Mapping[str, str] | None,
    beat: Callable[[], None] | None = None,
    *,
    shown: bool = False,
    seconds: float = math.inf,
) -> tuple[int, str]:
    """Run a program; return its exit code and output, which is kept in memory since the disk may be full."""
    process = subprocess.Popen(
        command,
        stdin=None if shown else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_environment(environment),
    )
    kept: list[bytes] = []
    reader = threading.Thread(target=_read, args=(process.stdout, kept, shown), daemon=True)
    reader.start()
    try:
        code = _wait(process, beat, seconds)
    finally:
        reader.join(READ_SECONDS)
    return code, b"".join(kept).decode("utf-8", "replace")


def _read(output: IO[bytes], kept: list[bytes], shown: bool) -> None:  # noqa: FBT001 - a thread's positional argument
    """Keep a program's output and, if asked, show it, even if nobody reads it any more."""
    while chunk := os.read(output.fileno(), CHUNK):
        kept.append(chunk)
        if shown:
            with contextlib.suppress(OSError):
                sys.stdout.buffer.write(chunk)
                sys.stdout.buffer.flush()


@dataclass(frozen=True, kw_only=True, slots=True)
class Captured:
    """What a program wrote to standard output and standard error, and its exit code."""

    output: str
    complaints: str
    code: int


def captured(
    command: Sequence[str],
    beat: Callable[[], None],
    environment: Mapping[str, str] | None = None,
    at: Path | None = None,
) -> Captured:
    """Run a program and return its output whatever its exit code; `beat` is called every 15 seconds."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=complaints, env=_environment(environment), cwd=at
        )
        code = _wait(process, beat)
        texts = []
        for stream in (output, complaints):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", "replace"))
    return Captured(output=texts[0], complaints=texts[1], code=code)


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    """Return the environment with additions; PATH ends with the folder of this Python interpreter (docker-compose)."""
    path = f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{Path(sys.executable).parent}"
    return {**os.environ, "PATH": path, **(more or {})}


def _wait(
    process: subprocess.Popen[bytes] | subprocess.Popen[str],
    beat: Callable[[], None] | None = None,
    seconds: float = math.inf,
) -> int:
    """Wait for a program; on interruption and after so many seconds, terminate it and wait for its cleanup."""
    end, known = time.monotonic() + seconds, interruption.received()  # what cleans up after one is not interrupted
    try:
        while True:
            interruption.check(known)
            left = _left(process, end, seconds)
            try:
                return process.wait(min(HEARTBEAT_SECONDS, left))
            except subprocess.TimeoutExpired:
                if beat:
                    beat()
    except BaseException:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise


def _left(process: subprocess.Popen[bytes] | subprocess.Popen[str], end: float, seconds: float) -> float:
    """Return the seconds until the end; raises TimeoutExpired when it is past."""
    left = end - time.monotonic()
    if left <= 0:
        raise subprocess.TimeoutExpired(process.args, seconds)
    return left


def require(path: Path, what: str) -> Path:
    """Return the path of a file that must be there.

    Raises:
        DeliveryError: it is not.
    """
    if not path.is_file():
        raise DeliveryError(f"{path} does not exist; {what}")
    return path
