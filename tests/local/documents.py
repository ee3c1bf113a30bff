"""Tables of measurements in documents: what is between two marks is written anew, the rest is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"


def write(document: Path, table: str) -> None:
    """Replace what is between a document's marks.

    Raises:
        ValueError: it does not have each mark once.
    """
    text = document.read_text("utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{document} needs the lines {BEGIN.strip()} and {END.strip()}, once each")
    before, rest = text.split(BEGIN)
    document.write_text(f"{before}{BEGIN}{table}{END}{rest.split(END)[1]}", "utf-8")
