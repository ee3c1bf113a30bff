"""A stack's state, read and written by the `pulumi` command: what Pulumi has of the stack, and what it was creating.

Pulumi notes each creation in its state before it begins. One that a kill interrupted stays there as a pending
operation, also after the next `up` and after `destroy`, until the state is imported.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from delivery import checkout
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ABSENT = "no stack named"
LOCKED = ("is currently locked", "update is currently in progress", "update in progress")
IDENTIFIERS = ("arn", "name", "identifier")
"""Outputs that, beside the ID, AWS lists a resource by."""


@dataclass(frozen=True, slots=True)
class State:
    """What `pulumi stack export` writes."""

    document: dict[str, Any]

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The resources; none once the stack is destroyed."""
        return (self.document.get("deployment") or {}).get("resources") or []

    @property
    def root(self) -> str:
        """The URN of the stack itself."""
        return str(next(one["urn"] for one in self.resources if one["type"] == "pulumi:pulumi:Stack"))

    @property
    def pending(self) -> list[dict[str, Any]]:
        """The operations that were under way when Pulumi was killed."""
        return (self.document.get("deployment") or {}).get("pending_operations") or []

    @property
    def creations(self) -> list[dict[str, Any]]:
        """The resources that were being created, without those that a later `up` created."""
        urns = {one["urn"] for one in self.resources}
        begun = [one["resource"] for one in self.pending if one["type"] == "creating"]
        return [one for one in begun if one.get("custom") and one["urn"] not in urns]

    @property
    def unread(self) -> list[str]:
        """The URNs of AWS resources that were adopted, but whose properties were not read."""
        adopted = (one for one in self.resources if one.get("id") and one["type"].startswith("aws:"))
        return [one["urn"] for one in adopted if not one.get("outputs")]

    @property
    def known(self) -> frozenset[str]:
        """What AWS may list the resources by: IDs, ARNs, names and identifiers."""
        found = {str(one["id"]) for one in self.resources if one.get("id")}
        outputs = [one.get("outputs") or {} for one in self.resources]
        return frozenset(found | {str(one[key]) for one in outputs for key in IDENTIFIERS if one.get(key)})

    def adopting(self, ids: dict[str, str]) -> State:
        """Return the state with the creations that have an ID as resources, and without pending operations.

        Args:
            ids: of the creations that AWS carried out, by URN.
        """
        adopted = [{**one, "id": ids[one["urn"]]} for one in self.creations if one["urn"] in ids]
        deployment = {**self.document["deployment"], "resources": [*self.resources, *adopted], "pending_operations": []}
        return State({**self.document, "deployment": deployment})


@dataclass(frozen=True, slots=True)
class Pulumi:
    """The command that stands for pulumi, run in the project's folder."""

    command: Sequence[str]

    def state(self, stack: str) -> State | None:
        """Return a stack's state, None if there is no such stack.

        Raises:
            DeliveryError: Pulumi does not tell it, with the reason.
        """
        done = self._run("stack", "export", "--stack", stack)
        if done.returncode == 0:
            return State(json.loads(done.stdout))
        if ABSENT in done.stderr:
            return None
        raise DeliveryError(f"pulumi stack export -s {stack} failed: {_line(done)}")

    def write(self, stack: str, state: State) -> None:
        """Import a state, which Pulumi refuses while another command works on the stack.

        Raises:
            DeliveryError: Pulumi refused; nothing has changed.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "state.json"
            path.write_text(json.dumps(state.document), "utf-8")
            done = self._run("stack", "import", "--stack", stack, "--file", str(path))
        _must(done, stack, "stack import")

    def read(self, stack: str, urns: Iterable[str]) -> None:
        """Read the properties of resources from AWS into the state; one that is not there leaves the state.

        Raises:
            DeliveryError: that failed, with the reason.
        """
        targets = [word for urn in urns for word in ("--target", urn)]
        done = self._run("refresh", "--stack", stack, "--yes", "--skip-preview", "--non-interactive", *targets)
        _must(done, stack, "refresh")

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*self.command, *arguments]
        try:
            return subprocess.run(
                command, cwd=checkout.ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
            )
        except FileNotFoundError as error:
            raise DeliveryError(f"{command[0]} is not on PATH") from error


def _must(done: subprocess.CompletedProcess[str], stack: str, command: str) -> None:
    """Raise DeliveryError if a command failed, because the stack is locked or for another reason."""
    if done.returncode == 0:
        return
    if any(word in f"{done.stdout}{done.stderr}" for word in LOCKED):
        raise DeliveryError(
            f"stack {stack} is locked: an `up` or another command of Pulumi's works on it, so nothing is changed; "
            f"wait for its end, or if it was killed: pulumi cancel -s {stack} --yes; then: "
            f"delivery clean --stack {stack}"
        )
    raise DeliveryError(
        f"pulumi {command} -s {stack} failed: {_line(done)}; run it again: delivery clean --stack {stack}"
    )


def _line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line in which a failed command says why."""
    lines = [line.strip() for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
    return next((line for line in lines if "error:" in line), lines[-1] if lines else f"exit code {done.returncode}")
