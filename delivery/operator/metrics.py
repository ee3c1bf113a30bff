"""DORA's four figures of a stack, from the records of its releases (https://dora.dev/guides/dora-metrics-four-keys/).

DORA's words, and what is counted here for them:

- deployment frequency, "how often code is deployed to production": releases that reached the stack, a day
- lead time for changes, "the time it takes for a commit to be deployed to production": from the commit's own time,
  which the source action exports, to the end of the last action of the stack's stage; where the source exports none,
  from the start of the execution, which the push begins
- change failure rate, "deployments that cause a failure in production and require immediate remediation": releases that
  were rolled back, or failed in the stack's stage and were put back, of those that reached it
- time to restore ("failed deployment recovery time"): from the first moment at which such a release may have served,
  the start of its Deploy, to the moment at which it had been gone back from
"""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from contract.pipeline import Action
from delivery.console import age, as_text, paint, table
from delivery.operator import releases
from delivery.operator.release_record import State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from delivery.operator.release_record import Record
    from delivery.session import Session

LEAST = 5
"""How many values a median is told of; of fewer it would be chance."""
WEEK = 7
ENDED_BADLY = (State.FAILED, State.ROLLED_BACK)


@dataclass(frozen=True, kw_only=True, slots=True)
class Metrics:
    """The figures of a number of days; times in seconds, None where there is nothing to tell.

    `from_commit` tells of how many releases the lead time begins with the commit's own time, not with the execution.
    """

    stack: str
    days: int
    releases: int
    failed: int
    per_day: float
    lead_seconds: Sequence[float]
    from_commit: int
    restore_seconds: Sequence[float]
    not_restored: int

    def as_json(self) -> dict[str, Any]:
        """Return all of it for `--json`, with medians of at least five values, and the rate."""
        return {
            **asdict(self),
            "lead_seconds_median": median(self.lead_seconds),
            "change_failure_rate": self.failed / self.releases if self.releases else None,
            "restore_seconds_median": median(self.restore_seconds),
        }


def run(session: Session, days: int, *, as_json: bool = False) -> None:
    """Print the figures of the last days.

    Args:
        session: the stack.
        days: how many.
        as_json: whether to print one JSON document.
    """
    stage = session.environment.pipeline.stage if session.environment.pipeline else ""
    found = of_records(
        releases.of_stack(session, since=releases.days_ago(session, days)), session.stack, days=days, stage=stage
    )
    print(as_text(found.as_json()) if as_json else "\n".join(lines(found)))


def of_records(records: Sequence[Record], stack: str, *, days: int, stage: str) -> Metrics:
    """Return the figures of records.

    Args:
        records: of the days, newest first.
        stack: whose they are.
        days: how many.
        stage: the pipeline's stage that deploys to it; empty without one.
    """
    reached = [one for one in records if one.commit and _reached(one, stage)]
    failed = [one for one in reached if one.outcome.state in ENDED_BADLY]
    leads = [
        (one, (one.released - (one.committed or one.began)).total_seconds())
        for one in reached
        if one.released and one.steps
    ]
    back = [(one.gone_back - _served_from(one, stage)).total_seconds() for one in failed if one.gone_back]
    return Metrics(
        stack=stack,
        days=days,
        releases=len(reached),
        failed=len(failed),
        per_day=round(len(reached) / days, 3),
        lead_seconds=[seconds for _, seconds in leads],
        from_commit=sum(1 for one, _ in leads if one.committed),
        restore_seconds=back,
        not_restored=len(failed) - len(back),
    )


def _reached(one: Record, stage: str) -> bool:
    """Tell whether a release came to the stack: a deploy of it was begun there, or it was deployed by hand."""
    if one.steps:
        return any((step.stage, step.action) == (stage, Action.DEPLOY) for step in one.steps)
    return bool(one.services) and one.outcome.state != State.FIRST


def _served_from(one: Record, stage: str) -> datetime:
    """Return the first moment at which a release may have served: the start of its Deploy."""
    begun = [step.began for step in one.steps if (step.stage, step.action) == (stage, Action.DEPLOY)]
    return begun[-1] if begun else one.began


def median(values: Sequence[float]) -> float | None:
    """Return the median of at least five values, else None."""
    return statistics.median(values) if len(values) >= LEAST else None


def lines(found: Metrics) -> list[str]:
    """Return the figures as lines for people, honest about how few values they are of."""
    head = f"{found.stack}, the last {found.days} days (definitions: docs/releases.md, after dora.dev)"
    few = f"{found.releases} release{'' if found.releases == 1 else 's'} in {found.days} days"
    if not found.releases:
        return [paint(head, "bold"), f"{few}: nothing to measure"]
    often = f"{few}, {found.per_day * WEEK:.1f} a week"
    rate = f"{found.failed} of {found.releases} ({found.failed / found.releases:.0%})"
    pushed = len(found.lead_seconds) - found.from_commit
    since = f"{found.from_commit} from the commit, {pushed} from the push" if pushed else "from the commit"
    rows = [
        ("deployment frequency", often),
        ("lead time for changes", f"{_told(found.lead_seconds)} ({since})"),
        ("change failure rate", rate if found.releases >= LEAST else f"{rate}; too few releases for a rate"),
        ("time to restore", _told(found.restore_seconds) + _open(found.not_restored)),
    ]
    return [paint(head, "bold"), *table(("figure", ""), rows)]


def _told(values: Sequence[float]) -> str:
    """Return the median of values; of few, that there is none, and their range."""
    middle = median(values)
    if middle is not None:
        return f"median {age(middle)} of {len(values)}"
    if not values:
        return "no value"
    low, high = age(min(values)), age(max(values))
    return f"{len(values)} value{'' if len(values) == 1 else 's'}, no median: " + (
        low if low == high else f"{low} to {high}"
    )


def _open(count: int) -> str:
    return f"; {count} of unknown end" if count else ""
