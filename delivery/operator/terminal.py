"""Lines that change while somebody looks: on a terminal, and in a log or pipe."""

from __future__ import annotations

import shutil

from delivery.console import ESCAPE


class Changes:
    """Prints lines that were not there before: for logs and pipes."""

    def __init__(self) -> None:
        self._before: set[str] = set()

    def show(self, lines: list[str]) -> None:
        """Print the new ones."""
        for line in lines:
            if " ".join(line.split()) not in self._before:  # columns may have become wider
                print(line, flush=True)
        self._before = {" ".join(line.split()) for line in lines}


class Live:
    """Redraws lines in place: for terminals."""

    def __init__(self) -> None:
        self._height = 0

    def show(self, lines: list[str]) -> None:
        """Replace what was drawn before; lines that are too long for the terminal are cut, so that each is one row."""
        size = shutil.get_terminal_size()
        shown = [_cut(line, size.columns) for line in lines][: size.lines - 1]
        up = f"\x1b[{self._height}A" if self._height else ""
        print(up + "".join(f"\x1b[2K{line}\n" for line in shown) + "\x1b[J", end="", flush=True)
        self._height = len(shown)


def _cut(line: str, width: int) -> str:
    """Return a line of at most so many characters, without colours where it had to be cut."""
    plain = ESCAPE.sub("", line)
    return line if len(plain) <= width else plain[: width - 1] + "…"
