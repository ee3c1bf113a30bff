"""The text of `delivery status`: a screen of 100 columns."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING, TypeAlias

from delivery.console import paint, short
from delivery.operator.execution_view import MARKS, NOT_BEGUN, WAITING
from delivery.release.images import EXECUTION_SHOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from delivery.operator.execution_view import Closed, Serving, View

    When: TypeAlias = Callable[[datetime], str]
    """What tells a time: `6 min ago`, or `at 14:02:11`."""

COLUMNS = 100
COLOURS = {
    "Succeeded": "green",
    "Failed": "red",
    "Stopped": "red",
    "Cancelled": "red",
    "Abandoned": "red",
    "InProgress": "blue",
    "Stopping": "yellow",
    "Superseded": "grey",
    NOT_BEGUN: "grey",
}


def lines(view: View, stack: str, when: When) -> Iterator[str]:
    """Yield the lines.

    Args:
        view: the execution.
        stack: the stack that was asked about, for the commands to type.
        when: tells a time.
    """
    why = f" ({view.reason})" if view.reason else ""
    status = paint(view.status, COLOURS.get(view.status, "bold"))
    yield f"pipeline {view.pipeline}, execution {view.execution[:EXECUTION_SHOWN]}: {status}{why}"
    commit = f"commit {short(view.commit)}" if view.commit else "commit not taken yet"
    by = f" by {view.trigger}" if view.trigger else ""
    yield textwrap.shorten(f"{commit}, begun {when(view.begun)}{by}: {view.message}".rstrip(": "), COLUMNS)
    yield "  ".join(
        f"{paint(_mark(status), COLOURS.get(status, 'bold'))} {name}" for name, status in view.stages().items()
    )
    for one in view.actions:
        if one.since and one.status != "Succeeded":
            shown = paint(one.status, COLOURS.get(one.status, "bold"))
            told = f", {WAITING}" if one.detail == WAITING else ""
            yield f"  {one.stage}/{one.action}: {shown}{told} {when(one.since)}"
            if one.detail and not told:
                yield from _wrapped(one.detail)
    if view.approval:
        told = f"approved by {view.approval.by or '?'} {when(view.approval.at)}: {view.approval.reason}"
        yield f"  {textwrap.shorten(told.rstrip(': '), COLUMNS - 2)}"
    yield from (f"  log of {one}" for one in view.logs)
    yield from _serves(view, when)
    for execution in view.approvals:
        which = f" --execution {execution[:EXECUTION_SHOWN]}" if len(view.approvals) > 1 else ""
        told = f"delivery approve --stack {stack}{which} (or reject)"
        yield paint(f"execution {execution[:EXECUTION_SHOWN]} {WAITING}: {told}", "yellow")
    yield from (paint(_closed(one), "yellow") for one in view.closed)


def _mark(status: str) -> str:
    """Return the mark of a status; where the output's encoding has none, the status itself."""
    mark = MARKS.get(status, "■")
    try:
        mark.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return status or "-"
    return mark


def _wrapped(text: str) -> list[str]:
    indent = " " * 4
    return textwrap.wrap(
        text, COLUMNS, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _serves(view: View, when: When) -> list[str]:
    return [line for one in view.serving for line in (serves(one, when), f"  {one.url}") if line.strip()]


def serves(one: Serving, when: When) -> str:
    """Return what an environment serves, in a line without its URL."""
    if one.unknown:
        return f"{one.stack}: what it serves is not known: {one.unknown}"
    versions = {name: short(version) for name, (version, _) in one.versions.items()}
    shared = set(versions.values())
    told = shared.pop() if len(shared) == 1 else ", ".join(f"{name} {one}" for name, one in versions.items())
    since = f", released {when(one.since)}" if one.since else ""
    return f"{one.stack} serves {told}{since} (proof: {one.proof})"


def _closed(one: Closed) -> str:
    ids = ", ".join(execution[:EXECUTION_SHOWN] for execution in one.executions)
    waits = f", before it waits {ids}" if ids else ""
    return (
        f"the way into stage {one.stage} is closed ({one.reason}){waits}; open it: delivery resume --stack {one.stack}"
    )
