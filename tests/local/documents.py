"""Generated tables in documents: the text between two marks is replaced, the rest is unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"


def write(document: Path, table: str) -> None:
    """Replace the text between a document's marks.

    Raises:
        ValueError: the document does not contain each mark exactly once.
    """
    text = document.read_text("utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{document} needs the lines {BEGIN.strip()} and {END.strip()}, once each")
    before, rest = text.split(BEGIN)
    document.write_text(f"{before}{BEGIN}{table}{END}{rest.split(END)[1]}", "utf-8")
