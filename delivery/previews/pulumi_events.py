"""From what `pulumi preview --json` writes, an event a line, to what it found.

Events rather than the one document that it writes by default, which leaves out what policy packs say.
Source: pulumi, sdk/go/common/apitype/events.go.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

from delivery.previews import property_values
from delivery.previews.stack_previews import MOST_LINES, OPERATIONS, Change, StackPreview

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

STREAMING = {"PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true"}
OPERATION_OF = {
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "import-replacement": "replace",
}
"""Steps that are part of another one, by what they are a part of."""
COLOUR = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*[A-Za-z]")
SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|PASSPHRASE|CREDENTIAL|PRIVATE_KEY")
SHORTEST_SECRET = 8
NOTES = 20
NO_EVENTS = "pulumi wrote no events; is it the version that tools/toolchain/versions.toml names? See: pulumi version"


def read(stack: str, written: str, complaints: str, code: int, secrets: Sequence[str] = ()) -> StackPreview:
    """Return what a preview found.

    Args:
        stack: its name.
        written: the standard output of `pulumi preview --json`, streaming.
        complaints: its standard error.
        code: its exit code.
        secrets: texts that must not be shown wherever they appear.
    """
    events, notes = _events(written)
    found = _of_kind(events, "diagnosticEvent")
    errors = [_message(one) for one in found if one.get("severity") == "error"]
    policies = [_policy(one) for one in _of_kind(events, "policyEvent")]
    summary = next(iter(_of_kind(events, "summaryEvent")), None)
    failed = bool(code) or summary is None or summary.get("result") == "failed"
    if failed and not errors:
        errors = _last([*notes, *complaints.split("\n")]) or [NO_EVENTS if summary is None else f"exit code {code}"]
    changes, unchanged = _changes([one.get("metadata") or {} for one in _of_kind(events, "resourcePreEvent")])
    hide = _hider(secrets)
    return StackPreview(
        stack=stack,
        failed=failed,
        unchanged=unchanged,
        changes=tuple(_hidden(change, hide) for change in changes),
        errors=tuple(hide(one) for one in dict.fromkeys(errors) if one),
        warnings=tuple(hide(_message(one)) for one in found if one.get("severity") == "warning"),
        policies=tuple(hide(one) for one in policies),
    )


def secrets_of(environment: Mapping[str, str]) -> list[str]:
    """Return the values of variables that are secret by their name."""
    found = (value for name, value in environment.items() if SECRET_NAME.search(name.upper()))
    return [value for value in found if len(value) >= SHORTEST_SECRET and not os.path.lexists(value)]


def _events(written: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the events, and the lines that are none: what the program or a plugin printed."""
    events, notes = [], []
    for line in written.split("\n"):
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            event = None
        if isinstance(event, dict):
            events.append(event)
        elif line.strip():
            notes.append(COLOUR.sub("", line))
    return events, notes


def _of_kind(events: Sequence[Mapping[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event[kind] for event in events if isinstance(event.get(kind), dict)]


def _message(event: Mapping[str, Any]) -> str:
    text = COLOUR.sub("", f"{event.get('prefix') or ''}{event.get('message') or ''}").strip()
    name = _name(str(event.get("urn") or ""))
    return f"{name}: {text}" if name and "pulumi:pulumi:Stack" not in event["urn"] else text


def _policy(event: Mapping[str, Any]) -> str:
    text = COLOUR.sub("", str(event.get("message") or "")).strip()
    what = f"{event.get('policyPackName')}/{event.get('policyName')}"
    return f"{event.get('enforcementLevel')}: {what}: {_name(str(event.get('resourceUrn') or ''))}: {text}"


def _last(lines: Sequence[str]) -> list[str]:
    """Return the last lines that say something, as one text."""
    told = [COLOUR.sub("", line) for line in lines if line.strip()]
    return ["\n".join(told[-NOTES:])] if told else []


def _changes(steps: Sequence[Mapping[str, Any]]) -> tuple[list[Change], int]:
    """Return a change for each resource that has one, the gravest first, and how many have none."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    unchanged = 0
    for step in steps:
        operation = str(step.get("op"))
        unchanged += operation == "same"
        if OPERATION_OF.get(operation, operation) in OPERATIONS:
            found.setdefault(str(step.get("urn")), []).append(step)
    changes = [_change(urn, of_one) for urn, of_one in found.items()]
    return sorted(changes, key=lambda change: OPERATIONS.index(change.operation)), unchanged


def _change(urn: str, steps: Sequence[Mapping[str, Any]]) -> Change:
    """Return what the steps of one resource amount to; the step `replace` itself says the most."""
    step = max(steps, key=lambda one: (one.get("op") in OPERATIONS, bool(one.get("detailedDiff") or one.get("diffs"))))
    operation = OPERATION_OF.get(str(step["op"]), str(step["op"]))
    lines: Iterator[str] = iter(())
    if operation in ("update", "replace"):
        lines = property_values.changed(step)
    elif operation in ("create", "import"):
        lines = property_values.created((step.get("new") or {}).get("inputs") or {})
    kept = list(lines)
    if len(kept) > MOST_LINES:
        kept = [*kept[:MOST_LINES], f"... {len(kept) - MOST_LINES} more properties"]
    reasons = tuple(map(str, step.get("keys") or [])) if operation == "replace" else ()
    kind = urn.split("::")[2].rsplit("$", 1)[-1] if urn.count("::") > 2 else urn  # noqa: PLR2004 - urn:a::b::types::name
    return Change(operation=operation, kind=kind, name=_name(urn), reasons=reasons, lines=tuple(kept))


def _name(urn: str) -> str:
    return urn.split("::", 3)[-1]


def _hidden(change: Change, hide: Callable[[str], str]) -> Change:
    return Change(
        operation=change.operation,
        kind=change.kind,
        name=hide(change.name),
        reasons=change.reasons,
        lines=tuple(hide(line) for line in change.lines),
    )


def _hider(secrets: Sequence[str]) -> Callable[[str], str]:
    every = sorted(filter(None, secrets), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, every))) if every else None
    return lambda text: pattern.sub(property_values.SECRET, text) if pattern else text
