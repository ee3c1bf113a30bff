"""What `delivery status` knows of an execution: its stages and actions, what its environments serve, what waits."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from delivery.operator.release_record import Approval

NOT_BEGUN = ""
WAITING = "waits for approval"
MARKS = {
    "Succeeded": "✓", "Failed": "✗", "Abandoned": "✗", "Stopped": "■", "Stopping": "■", "InProgress": "▶",
    NOT_BEGUN: "·",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """The latest run of an action; its status is empty if it has not begun, then `since` is None."""

    stage: str
    action: str
    status: str
    since: datetime | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Serving:
    """What an environment serves: version and digest by service, since when, and the proof; or why it is not known."""

    stack: str
    url: str = ""
    versions: Mapping[str, tuple[str, str]]
    since: datetime | None = None
    proof: str = ""
    unknown: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return all of it, for `--json`."""
        versions = {name: {"version": version, "digest": digest} for name, (version, digest) in self.versions.items()}
        return {**asdict(self), "versions": versions}


@dataclass(frozen=True, kw_only=True, slots=True)
class Closed:
    """A stage that nothing enters: why, which executions wait before it, and the stack to resume."""

    stage: str
    reason: str
    executions: Sequence[str]
    stack: str


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """An execution; `approvals` are the executions that wait for one, `logs` the commands that show a build's log."""

    pipeline: str
    execution: str
    status: str
    reason: str
    commit: str
    message: str
    begun: datetime
    trigger: str
    actions: Sequence[Action]
    serving: Sequence[Serving]
    approvals: Sequence[str]
    closed: Sequence[Closed]
    logs: Sequence[str]
    approval: Approval | None = None
    result: str = ""
    """How the execution ended, or where it is, as `delivery history` tells it."""

    def stages(self) -> dict[str, str]:
        """Return the status of each stage, in their order: that of the action that decides it."""
        found: dict[str, list[str]] = {}
        for one in self.actions:
            found.setdefault(one.stage, []).append(one.status)
        partly = "InProgress" if self.status == "Stopping" else self.status
        return {stage: _decisive(statuses, partly) for stage, statuses in found.items()}

    def as_json(self) -> dict[str, Any]:
        """Return all of it, for `--json`; times are in ISO 8601."""
        return {**asdict(self), "serving": [one.as_json() for one in self.serving], "stages": self.stages()}


def _decisive(statuses: Sequence[str], partly: str) -> str:
    """Return the status of a stage from those of its actions; `partly` is that of one that is done in part."""
    counts = Counter(statuses)
    for status in ("Failed", "Stopped", "Abandoned", "Stopping", "InProgress"):
        if counts[status]:
            return status
    return partly if counts["Succeeded"] and counts[NOT_BEGUN] else statuses[0]
