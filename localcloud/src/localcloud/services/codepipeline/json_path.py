"""The subset of JSONPath that webhook filters use: $.a.b, $['a'], $.a[0], $.a[*].b."""

from __future__ import annotations

import re
from typing import Any

STEP = re.compile(r"\.([A-Za-z0-9_-]+|\*)|\[(\d+|\*)\]|\[(['\"])(.*?)\3\]")


def steps(path: str) -> list[str | int] | None:
    """Return the steps of a path (a name, an index, or "*" for all), or None if it is invalid or unsupported."""
    if not path.startswith("$"):
        return None
    found: list[str | int] = []
    position = 1
    while position < len(path):
        match = STEP.match(path, position)
        if match is None:
            return None
        if match[2] is not None:
            found.append("*" if match[2] == "*" else int(match[2]))
        else:
            found.append(match[1] if match[1] is not None else match[4])
        position = match.end()
    return found


def values(document: Any, path: str) -> list[Any]:
    """Return all values in a JSON document that match a path."""
    found = [document]
    for step in steps(path) or []:
        nexts: list[Any] = []
        for item in found:
            if isinstance(item, dict):
                nexts += list(item.values()) if step == "*" else [item[step]] if step in item else []
            elif isinstance(item, list):
                if step == "*":
                    nexts += item
                elif isinstance(step, int) and step < len(item):
                    nexts.append(item[step])
        found = nexts
    return found


def text(value: Any) -> str:
    """Return a JSON value as the string that a filter compares."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)
