"""History: the releases of a stack as lines, newest first, or all that is known of one."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from delivery.console import age, as_text, paint, short, table
from delivery.errors import DeliveryError
from delivery.operator import releases
from delivery.operator.execution_text import COLUMNS
from delivery.operator.release_record import State
from delivery.release import images

if TYPE_CHECKING:
    from collections.abc import Iterator

    from delivery.operator.release_record import Record, Step
    from delivery.session import Session

HEAD = ("", "began", "commit", "took", "execution", "result")
COLOURS = {
    State.RELEASED: "green",
    State.FAILED: "red",
    State.REJECTED: "red",
    State.ROLLED_BACK: "yellow",
    State.WAITS: "yellow",
    State.IN_PROGRESS: "blue",
}
COMMIT_SHOWN = 15
"""Characters of a version that is no commit: a first image's `content-...`."""
LOOKED_AT = 100
"""How many of the newest releases a commit is looked for in."""


def run(session: Session, most: int, commit: str = "", *, as_json: bool = False) -> None:
    """Print the newest releases of a stack, or all that is known of those of a commit.

    Args:
        session: the stack.
        most: how many at most.
        commit: the commit's hash or its first characters; empty for all.
        as_json: whether to print one JSON document: a list of releases.

    Raises:
        DeliveryError: there is no release of the commit.
    """
    found = releases.of_stack(session, LOOKED_AT if commit else most)
    if commit:
        found = [one for one in found if one.commit.startswith(commit)]
        if not found:
            raise DeliveryError(
                f"stack {session.stack} has no release of commit {commit} among the last {LOOKED_AT}; "
                f"see: delivery history --stack {session.stack}"
            )
    if as_json:
        print(as_text([one.as_json() for one in found]))
    elif commit:
        print("\n\n".join("\n".join(whole(one)) for one in found))
    else:
        print(paint(f"{session.stack}, {session.environment.url}; * is served", "bold"))
        print("\n".join(lines(found)))


def lines(found: list[Record]) -> list[str]:
    """Return a line for each release, of 100 columns at most: the result is shortened."""
    rows = [_row(one) for one in found]
    return [_shortened(line, one) for line, one in zip(table(HEAD, rows), [None, *found], strict=True)]


def _row(one: Record) -> tuple[str, ...]:
    took = age(one.seconds) if one.seconds is not None and one.steps else ""
    execution = one.execution[: images.EXECUTION_SHOWN]
    by = f", approved by {one.approval.by}" if one.approval and one.approval.by else ""
    gone = ", image gone" if any(each.marks is None for each in one.services) else ""
    mark = "*" if one.served else ""
    result = " ".join(f"{one.outcome}{by if one.released else ''}{gone}".split())
    return mark, f"{one.began:%Y-%m-%d %H:%M}", _version(one), took, execution, result


def _shortened(line: str, one: Record | None) -> str:
    """Return a line of the table in 100 columns, its result in the state's colour."""
    if one is None:
        return line
    if len(line) > COLUMNS:
        line = f"{line[: COLUMNS - 1]}…"
    head, result, tail = line.rpartition(f"  {one.outcome.state}")
    colour = COLOURS.get(one.outcome.state, "grey")
    return f"{head}  {paint(f'{one.outcome.state}{tail}', colour)}" if result else line


def _version(one: Record) -> str:
    return short(one.commit)[:COMMIT_SHOWN] or "?"


def whole(one: Record) -> Iterator[str]:
    """Yield all that is known of a release."""
    yield paint(f"commit {one.commit or 'not taken yet'} in {one.stack}", "bold")
    yield from _wrapped("result", str(one.outcome))
    yield from _wrapped("message", one.message)
    yield from _wrapped("execution", one.execution)
    yield f"  began      {_at(one.began.isoformat())}"
    if one.approval:
        yield from _wrapped("approved", f"by {one.approval.by or '?'} {_at(one.approval.at.isoformat())}")
        yield from _wrapped("reason", one.approval.reason)
    if one.released:
        yield f"  released   {_at(one.released.isoformat())}"
    if one.seconds is not None and one.steps:
        yield f"  took       {age(one.seconds)}"
    if one.gone_back:
        yield f"  put back   {_at(one.gone_back.isoformat())}"
    for step in one.steps:
        yield from _wrapped("step", _step(step))
    for each in one.services:
        marks = "image gone" if each.marks is None else " ".join(each.marks)
        served = "is served" if each.served else "is not served"
        yield from _wrapped("service", f"{each.service}: {each.revision}, {served}")
        yield from _wrapped("", "; ".join(part for part in (each.digest, marks) if part))
        yield from _wrapped("", f"proof: {each.proof}" if each.proof else "")


def _at(moment: str) -> str:
    return moment[:19].replace("T", " ")


def _step(one: Step) -> str:
    took = f" {age((one.ended - one.began).total_seconds())}" if one.ended else ""
    cause = f": {one.cause}" if one.cause else ""
    return f"{one.began:%H:%M:%S} {one.stage}/{one.action} {one.status}{took}{cause}"


def _wrapped(name: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        COLUMNS,
        initial_indent=f"  {name:11}",
        subsequent_indent=" " * 13,
        break_long_words=False,
        break_on_hyphens=False,
    )
