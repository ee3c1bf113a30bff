"""A program `pulumi` that keeps a stack's state in a file, with the commands that `delivery` uses."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PROGRAM = """#!{python}
import json, pathlib, shutil, sys
folder, words = pathlib.Path("{folder}"), sys.argv[1:]
state, lock = folder / "state.json", folder / "locked"
with (folder / "calls").open("a") as calls:
    calls.write(" ".join(words) + "\\n")
if (folder / "fails").exists():
    sys.exit("error: " + (folder / "fails").read_text())
if not state.exists():
    sys.exit("error: no stack named 'staging' found")
if words[:2] == ["stack", "export"]:
    print(state.read_text())
elif lock.exists():
    sys.exit("error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end")
elif words[:2] == ["stack", "import"]:
    shutil.copy(words[words.index("--file") + 1], state)
"""


@dataclass
class Pulumi:
    """The program's folder, which is the first on PATH."""

    folder: Path

    @classmethod
    def on_path(cls, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Pulumi:
        """Make the program, which has no stack yet, and put it on PATH."""
        folder.mkdir()
        program = folder / "pulumi"
        program.write_text(PROGRAM.format(folder=folder, python=sys.executable))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.delenv("DELIVERY_PULUMI", raising=False)
        return cls(folder)

    def has(self, *resources: dict[str, Any], creating: list[dict[str, Any]] | None = None) -> None:
        """Let the state have resources, beside the stack itself, and creations that were interrupted."""
        pending = [{"type": "creating", "resource": one} for one in creating or []]
        held = [{"urn": "urn:stack", "type": "pulumi:pulumi:Stack"}, *resources] if resources else []
        document = {"version": 3, "deployment": {"resources": held, "pending_operations": pending}}
        (self.folder / "state.json").write_text(json.dumps(document))

    def state(self) -> dict[str, Any]:
        """Return the state."""
        deployment: dict[str, Any] = json.loads((self.folder / "state.json").read_text())["deployment"]
        return deployment

    def lock(self) -> None:
        """Let another command work on the stack."""
        (self.folder / "locked").touch()

    def fails(self, words: str) -> None:
        """Let every call fail."""
        (self.folder / "fails").write_text(words)

    def calls(self, command: str) -> list[str]:
        """Return the calls of a command, as they were typed."""
        calls = self.folder / "calls"
        held = calls.read_text().splitlines() if calls.exists() else []
        return [line for line in held if line.startswith(command)]


def resource(kind: str, name: str, identifier: str = "", /, **inputs: str) -> dict[str, Any]:
    """Return a resource of a state; without an ID one that is being created."""
    urn = f"urn:pulumi:staging::slipway::slipway:infra:Part${kind}::{name}"
    made = {"id": identifier, "outputs": {"name": identifier}} if identifier else {}
    return {"urn": urn, "type": kind, "custom": True, "inputs": inputs, **made}
