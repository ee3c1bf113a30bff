"""An `up` that is killed at a random moment, with all its processes, as by a power cut."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.local.workspace import UMASK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.local.workspace import Workspace

SEED = int(os.environ.get("INTERRUPTION_SEED") or time.time())
STEP = re.compile(r" [-+~ ]{1,2} +\S+:\S+ \S+ (?:creat|updat|delet|replac)")
"""A line of Pulumi's: it begins or has ended an operation on a resource."""


@dataclass(frozen=True)
class Moment:
    """After so many of Pulumi's lines about operations, and so many seconds.

    Lines rather than seconds alone: the local cloud creates most resources within milliseconds, in three seconds of the
    twenty that a first `up` takes.
    """

    steps: int
    seconds: float

    @classmethod
    def at_random(cls, number: int, most: int) -> Moment:
        """Return the moment of a number and the seed, which the environment variable INTERRUPTION_SEED sets."""
        chance = random.Random(f"{SEED}-{number}")  # noqa: S311 - no secret
        return cls(chance.randint(1, most), chance.choice([0.0, 0.0, chance.uniform(0, 5)]))


def kill(session: int) -> None:
    """Kill all processes of a session: Pulumi gives its plugins process groups of their own."""
    while members := [one for one in _members(session) if _alive(one)]:
        for one in members:
            try:
                os.kill(one, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.02)


def interrupted_up(  # noqa: PLR0913 - for other faults
    workspace: Workspace,
    stack: str,
    moment: Moment,
    command: Sequence[str] = (),
    fault: Callable[[], None] | None = None,
    more: dict[str, str] | None = None,
) -> str:
    """Run `up` and kill it at a moment; returns what it printed until then.

    Args:
        workspace: the project.
        stack: the stack's name.
        moment: when; an `up` that ends before is not killed.
        command: what stands for bin/pulumi-local.
        fault: what happens at the moment instead of a kill; `up` then ends by itself.
        more: variables of its environment.
    """
    words = [*(command or ["bin/pulumi-local"]), "up", "-s", stack, "--yes", "--skip-preview", "--non-interactive"]
    printed, steps = [], 0
    with subprocess.Popen(
        words,
        cwd=workspace.root,
        env=workspace.environment | (more or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        umask=UMASK,
        start_new_session=True,
    ) as child:
        assert child.stdout
        for line in child.stdout:
            printed.append(line)
            steps += bool(STEP.match(line))
            if steps == moment.steps and STEP.match(line):
                time.sleep(moment.seconds)
                if fault is None:
                    break
                fault()
        if fault is None:
            kill(child.pid)
    print(f"seed {SEED}: killed at {moment}, after: {''.join(printed[-3:])}")
    return "".join(printed)


def _fields(process: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on, empty if there is no such process."""
    try:
        return Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return []


def _members(session: int) -> list[int]:
    every = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [one for one in every if (fields := _fields(one)) and int(fields[3]) == session]


def _alive(process: int) -> bool:
    fields = _fields(process)
    return bool(fields) and fields[0] != "Z"
