"""Console output: progress lines with elapsed seconds, tables, and colours on terminals only."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Say: TypeAlias = Callable[[str], None]
    """What takes progress lines."""

COLOURS = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "grey": "90", "bold": "1"}
OURS = re.compile(r"(?<!-m )\bdelivery (?=[a-z]+ --|check-app )")
COMMIT = re.compile(r"[0-9a-f]{40}")
SHORT = 7
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def coloured() -> bool:
    """Tell whether standard output is a terminal that wants colours (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def typed(text: str) -> str:
    """Return a text with `delivery` commands as this user types them ($DELIVERY_COMMAND, of bin/delivery*)."""
    return OURS.sub(f"{os.environ.get('DELIVERY_COMMAND', 'delivery')} ", text)


def paint(text: str, colour: str) -> str:
    """Return the text in a colour of COLOURS, or unchanged if colours are off."""
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if coloured() and text else text


@dataclass
class Progress:
    """The progress lines of a command, each with the seconds since its start."""

    started: float = field(default_factory=time.monotonic)

    def __call__(self, text: str) -> None:
        """Write a line."""
        print(paint(f"{time.monotonic() - self.started:4.0f} s", "grey"), typed(text), flush=True)


def short(version: str) -> str:
    """Return a version as people write it: seven digits of a commit's hash, anything else as it is."""
    return version[:SHORT] if COMMIT.fullmatch(version) else version


def age(seconds: float) -> str:
    """Return a duration in its largest unit: `45 s`, `3 min`, `5 h`, `2 d`."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def as_text(document: object) -> str:
    """Return a document as JSON, with times in ISO 8601."""
    return json.dumps(document, indent=2, default=lambda moment: moment.isoformat())


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns; escape sequences have no width."""
    every = [tuple(paint(title, "bold") for title in head), *map(tuple, rows)]
    widths = [max(_width(row[column]) for row in every) for column in range(len(head))]
    return [
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in every
    ]


def _width(text: str) -> int:
    return len(ESCAPE.sub("", text))
