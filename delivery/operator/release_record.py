"""A release of a stack as a record: what was released, by which steps, who decided, and how it ended, in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class State(StrEnum):
    """How a release ended, or where it is: the key `state` of `--json`."""

    RELEASED = "released"
    DEPLOYED = "deployed, not tested"
    FIRST = "first image"
    FAILED = "failed"
    REJECTED = "rejected"
    ROLLED_BACK = "rolled back"
    SUPERSEDED = "superseded"
    STOPPED = "stopped"
    WAITS = "waits for approval"
    IN_PROGRESS = "in progress"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """A state with what belongs to it: where it failed or is, why, by whom, and what serves or runs instead (`to`)."""

    state: State
    at: str = ""
    cause: str = ""
    by: str = ""
    to: str = ""

    def __str__(self) -> str:
        by = f" by {self.by}" if self.by else ""
        match self.state:
            case State.ROLLED_BACK:
                return f"{self.state}{by}" + (f" (to {self.to})" if self.to else "")
            case State.SUPERSEDED:
                return f"{self.state}" + (f" by {self.to}" if self.to else "")
            case State.WAITS:
                return str(self.state)
        at = f" at {self.at}" if self.at and self.state != State.REJECTED else ""
        return f"{self.state}{by}{at}" + (f": {self.cause}" if self.cause else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """The newest run of an action of the execution; `ended` is None while it runs, `cause` why it failed."""

    stage: str
    action: str
    status: str
    began: datetime
    ended: datetime | None
    cause: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Approval:
    """An approval that was given: by whom (the last part of an ARN), when, and the reason that was typed."""

    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployed:
    """What a release deployed of a service.

    `proof` is what proved that it was served, `marks` are those of its image, None if that is gone.
    """

    service: str
    revision: str
    digest: str
    served: bool
    proof: str
    marks: list[str] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A release of a stack.

    `execution` is empty for the first image, `by-hand` for what no pipeline deployed. `committed` is the commit's own
    time, None where the source does not tell it. `released` is when the last action of the stack's stage had succeeded,
    by hand when it was deployed; None if it never was. `ended` is that, or when the execution ended otherwise.
    """

    stack: str
    execution: str
    commit: str
    message: str
    committed: datetime | None
    began: datetime
    released: datetime | None
    ended: datetime | None
    outcome: Outcome
    approval: Approval | None
    steps: Sequence[Step]
    services: Sequence[Deployed]
    gone_back: datetime | None = None
    """When people went back from it, or a failed step put it back."""

    @property
    def served(self) -> bool:
        """Whether a service runs it now."""
        return any(one.served for one in self.services)

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it goes on."""
        return (self.ended - self.began).total_seconds() if self.ended else None

    def as_json(self) -> dict[str, Any]:
        """Return all of it for `--json`, as docs/releases.md has it: times in ISO 8601, durations in seconds."""
        held = asdict(self)
        outcome = held.pop("outcome")
        return {**held, **outcome, "result": str(self.outcome), "served": self.served, "seconds": self.seconds}
