"""The project's stacks on the local cloud, operated with the commands that a user would run."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from contract.names import PROJECT
from localcloud import settings
from tools.local_settings import ROOT

PULUMI = str(ROOT / "bin" / "pulumi-local")
DELIVERY = [sys.executable, "-m", "tools.with_localcloud", sys.executable, "-m", "delivery"]
STACKS = ("staging", "prod")


def capture(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pulumi-local and return its output and exit code."""
    command = [PULUMI, *arguments]
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def run(command: list[str]) -> int:
    """Run a command with its output shown; returns its exit code.

    On Ctrl-C, which the terminal also sends to the command, wait for it to exit: pulumi has to write its state.

    Raises:
        KeyboardInterrupt: on Ctrl-C, after the command has exited.
    """
    with subprocess.Popen(command, cwd=ROOT) as child:
        try:
            return child.wait()
        except KeyboardInterrupt:
            child.wait()
            raise


def existing() -> list[str]:
    """Return the stacks in the local backend, production first: the order in which they can be destroyed."""
    folder = settings.load().state_dir / "pulumi" / ".pulumi" / "stacks" / PROJECT
    return [stack for stack in reversed(STACKS) if (folder / f"{stack}.json").exists()]


def outputs(stack: str) -> dict[str, Any]:
    """Return a stack's outputs; empty if it has none or was never deployed."""
    done = capture("stack", "output", "--json", "-s", stack) if stack in existing() else None
    return dict(json.loads(done.stdout)) if done and done.returncode == 0 and done.stdout.strip() else {}
