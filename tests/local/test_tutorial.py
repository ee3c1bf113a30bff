"""The tutorial, walked: every command of docs/tutorial.md is run, and every output that it shows is checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.local.workspace import PORT, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local.workspace import Workspace

pytestmark = pytest.mark.local
PAGE = ROOT / "docs" / "tutorial.md"
STARTS = "make up"
"""The workspace has a running local cloud already."""


@dataclass(frozen=True)
class Step:
    """A command and the lines that it is shown to print; `...` is any number of lines, `…` any text in a line."""

    command: str
    shown: tuple[str, ...]

    @property
    def expression(self) -> str:
        """The regular expression of the whole output."""
        lines = (
            r"(?:.*\n)*?" if line == "..." else ".*".join(map(re.escape, line.split("…"))) + "\n" for line in self.shown
        )
        return "".join(lines)


def steps(page: str) -> Iterator[Step]:
    """Yield the commands of the page's console blocks; a here-document belongs to its command."""
    for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            first, _, rest = part.partition("\n")
            if heredoc := re.search(r"<<'(\w+)'$", first):
                text, end, rest = rest.partition(f"\n{heredoc[1]}\n")
                first = f"{first}\n{text}{end}"
            yield Step(first, tuple(rest.splitlines()))


def test_the_tutorial_does_what_it_says(workspace: Workspace) -> None:
    """From an empty folder to released, broken, stopped and rolled back."""
    workspace.must("git", "init", "--quiet", "--initial-branch=main", ".")
    workspace.must("git", "add", "--all", ".")
    who = {"GIT_AUTHOR_NAME": "Dev", "GIT_AUTHOR_EMAIL": "dev@example.org"}
    who |= {key.replace("AUTHOR", "COMMITTER"): value for key, value in who.items()}
    assert workspace.run("git", "commit", "--quiet", "--message", "The project", more=who).returncode == 0
    for step in steps(PAGE.read_text("utf-8")):
        if step.command.startswith(STARTS):
            continue
        command = step.command.replace("127.0.0.1:4566", f"127.0.0.1:{PORT}")
        done = workspace.run("bash", "-o", "pipefail", "-c", command, more=who)
        printed = done.stdout if done.stdout.endswith("\n") or not done.stdout else f"{done.stdout}\n"
        told = f"$ {command}\n{printed[-6000:]}\nended with {done.returncode}, shown:\n{chr(10).join(step.shown)}"
        assert re.fullmatch(step.expression, printed), told


def test_every_block_of_the_tutorial_is_run() -> None:
    """One in another language would not be."""
    fences = re.findall(r"```(\w+)\n", PAGE.read_text("utf-8"))
    assert set(fences) == {"console"}
    assert len(list(steps(PAGE.read_text("utf-8")))) > 20
