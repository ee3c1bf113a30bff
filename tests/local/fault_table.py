"""The table of faults: what detected each one, after how long, its effect on requests, and leftover resources."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import docker

from tests.local.workspace import NETWORK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.load import Load
    from tests.local.workspace import Workspace

HEADER = ("fault", "what stopped it", "noticed after", "requests", "failed", "bad releases", "left behind", "")
AFTERWARDS = 3
"""Seconds after detection in which a fault's effect on requests is measured: slow requests take two."""


@dataclass
class Row:
    """A fault's row in the table."""

    fault: str
    stopped_by: str = ""
    noticed_after: float | None = None
    """Seconds from the injection to the detection of the fault."""
    requests: int = 0
    failed: list[str] = field(default_factory=list)
    bad_releases: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    error: str = ""
    begun: float = field(default_factory=time.monotonic)

    def begins(self) -> None:
        """Record the injection of the fault."""
        self.begun = time.monotonic()

    def stopped(self, by: str) -> None:
        """Record the detection of the fault."""
        self.stopped_by, self.noticed_after = by, time.monotonic() - self.begun

    def settle(self) -> None:
        """Wait until an effect on requests would have shown."""
        since = time.monotonic() - self.begun - (self.noticed_after or 0.0)
        time.sleep(max(0.0, AFTERWARDS - since) if self.stopped_by else AFTERWARDS)

    @property
    def good(self) -> bool:
        """Whether the fault did no harm."""
        return not (self.error or self.failed or self.bad_releases or self.left) and bool(self.stopped_by)

    def cells(self) -> tuple[str, ...]:
        """Return the row's cells in the order of HEADER."""
        seconds = "" if self.noticed_after is None else f"{self.noticed_after:.1f} s"
        counts = (str(self.requests), str(len(self.failed)), str(len(self.bad_releases)), "; ".join(sorted(self.left)))
        verdict = "" if self.good else f"RED {self.error}".strip()
        return (self.fault, self.stopped_by, seconds, *counts[:3], counts[3] or "nothing", verdict)


@dataclass
class Faults:
    """The faults injected so far, under a load on production.

    `served` are the versions that production may serve; a response of any other version is one of a bad release.
    """

    workspace: Workspace
    load: Load
    rows: list[Row]
    served: set[str] = field(default_factory=set)

    @contextmanager
    def row(self, fault: str) -> Iterator[Row]:
        """Inject one fault; afterwards no request may have failed, and no resource may be left over.

        Raises:
            AssertionError: the row is red.
        """
        row, before = Row(fault), debris(self.workspace)
        failed, requests, versions = len(self.load.failures), self.load.answered, Counter(self.load.versions)
        self.rows.append(row)
        try:
            yield row
        except BaseException as error:
            row.error = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
            raise
        finally:
            row.settle()
            row.requests, row.failed = self.load.answered - requests, self.load.failures[failed:]
            row.bad_releases = set(self.load.versions - versions) - self.served
            row.left = remaining(self.workspace, before)
        assert row.requests, f"{fault}: there was no load"
        assert row.good, row.cells()


def debris(workspace: Workspace) -> set[str]:
    """Return the Docker resources of builds and the local cloud: containers, networks and volumes, by kind and name.

    A service's tasks are counted instead of named, since a release replaces them.
    """
    client, found, tasks = docker.from_env(), set(), dict[str, int]()
    for container in client.containers.list(all=True, sparse=True):
        labels = container.attrs.get("Labels") or {}
        if labels.get("slipway.network") == NETWORK:
            kind = labels.get("slipway.kind", "")
            if kind == "task":
                name = labels["slipway.container"]
                tasks[name] = tasks.get(name, 0) + 1
            else:
                found.add(f"container {kind} {container.attrs['Names'][0]}")
        elif labels.get("com.docker.compose.project.working_dir", "").startswith(str(workspace.root)):
            found.add(f"container of Compose {container.attrs['Names'][0]}")
        elif "slipway.network" not in labels and labels.get("org.opencontainers.image.title") == "guestbook":
            found.add(f"container of a build {container.attrs['Names'][0]}")
    for objects in (client.networks.list(), client.volumes.list()):
        for each in objects:
            labels = each.attrs.get("Labels") or {}
            if "guestbook" in labels.get("com.docker.compose.project", ""):
                found.add(f"{type(each).__name__.lower()} {each.name}")
    return found | {f"{number} containers {name} of tasks" for name, number in tasks.items()}


def remaining(workspace: Workspace, before: set[str], seconds: float = 45) -> set[str]:
    """Return new resources that persist: tasks may be draining, and tests in other processes have their own.

    Fewer tasks of a service than before are none: one more may have been draining then.
    """
    counted = dict(map(_tasks, before))
    deadline = time.monotonic() + seconds

    def new() -> set[str]:
        return {one for one in debris(workspace) - before if _tasks(one)[1] > counted.get(_tasks(one)[0], 0)}

    left = new()
    while left and time.monotonic() < deadline:
        time.sleep(0.5)
        left &= new()
    return left


def _tasks(resource: str) -> tuple[str, int]:
    """Return what a resource of `debris` is, and how many: other than tasks, one."""
    number, _, rest = resource.partition(" ")
    return (rest, int(number)) if number.isdecimal() else (resource, 1)


def markdown(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| " + " | ".join(HEADER) + " |", "|" + "---|" * len(HEADER)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row.cells()) + " |" for row in rows]
    return "\n".join(lines) + "\n"
