"""Checks of the documents: links, commands, directories, the README's size."""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
README_LINES, COMMANDS_BY_LINE = 120, 25
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
OUTSIDE = re.compile(r"[a-z]+:")
FENCE = re.compile(r"(?ms)^ *```.*?^ *```")
CODE = re.compile(r"(?ms)^ *```.*?^ *```|`[^`\n]+`")
MAKE = re.compile(r"(?m)(?:^|[`\s])make(?: --?[\w-]+| [A-Z]+=\S+)* ([a-z][a-z-]*)")


def files(ending: str) -> list[Path]:
    """Return the repository's files with a suffix, except those in hidden directories."""
    shown = [path for path in ROOT.iterdir() if not path.name.startswith(".") or path.name == ".github"]
    below = [path for top in shown if top.is_dir() for path in top.rglob(f"*{ending}")]
    return sorted([path for path in shown if path.suffix == ending] + below)


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub derives from a document's headings."""
    headings = re.findall(r"(?m)^#+ (.+)$", FENCE.sub("", text))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path: Path) -> list[str]:
    """Return a document's broken relative links."""
    broken = []
    for link in LINK.findall(CODE.sub("", path.read_text("utf-8"))):
        name, _, anchor = unquote(link).partition("#")
        target = (path.parent / name) if name else path
        if OUTSIDE.match(link):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target.read_text("utf-8"))):
            broken.append(link)
    return broken


@functools.cache
def make_targets() -> set[str]:
    """Return the Makefile's targets, as make prints them."""
    done = subprocess.run(["make", "-pqRr"], cwd=ROOT, capture_output=True, text=True, check=False)
    return set(re.findall(r"(?m)^([a-z][a-z-]*):", done.stdout))


def with_code() -> list[str]:
    """Return the directories that contain Python files."""
    return sorted({f"./{path.parent.relative_to(ROOT)}/".removeprefix("./") for path in files(".py")})


def rooms() -> list[re.Pattern[str]]:
    """Return the directories on CONTRIBUTING's map as patterns; a star matches one directory."""
    cells = re.findall(r"(?m)^\| (`[^|]+) \|", (ROOT / "CONTRIBUTING.md").read_text("utf-8"))
    names = [name for cell in cells for name in re.findall(r"`([^`]+/)`", cell)]
    return [re.compile(re.escape(name).replace(r"\*", "[^/]+")) for name in names]


def test_the_readme_is_short_and_begins_with_the_two_commands() -> None:
    """A reader knows within a minute which commands to run."""
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(lines) <= README_LINES
    first = {" ".join(line.split()[:2]) for line in lines[:COMMANDS_BY_LINE]}
    assert first >= {"make demo", "make test"}


@pytest.mark.parametrize("path", files(".md"), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_or_a_heading(path: Path) -> None:
    """Checked in every document of the repository."""
    assert not broken_links(path)


@pytest.mark.parametrize("path", files(".md"), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_make_target_that_a_document_names_exists(path: Path) -> None:
    """Checked in code only: in prose, make is a verb."""
    named = {target for code in CODE.findall(path.read_text("utf-8")) for target in MAKE.findall(code)}
    assert not named - make_targets()


def test_every_directory_with_code_is_on_the_map() -> None:
    """CONTRIBUTING states the content of each directory."""
    assert not [name for name in with_code() if not any(room.fullmatch(name) for room in rooms())]


def test_every_directory_on_the_map_exists() -> None:
    """Moved directories must be removed from it."""
    there = {f"{path.relative_to(ROOT)}/" for path in files("") if path.is_dir()} | {"./"}
    assert not [room.pattern for room in rooms() if not any(room.fullmatch(name) for name in there)]


def test_a_broken_link_a_missing_heading_and_an_outside_one_are_told_apart(tmp_path: Path) -> None:
    """The tests above depend on this."""
    (tmp_path / "there.md").write_text("# What is `there`, really?\n```\n# no heading\n```\n", "utf-8")
    (tmp_path / "a.md").write_text(
        "[a](there.md) [b](there.md#what-is-there-really) [c](https://example.org/x) `[d](in-code.md)` [e](gone.md)\n"
        "[f](there.md#no-heading) ![g](gone.svg) [h](#nowhere)\n",
        "utf-8",
    )
    assert broken_links(tmp_path / "a.md") == ["gone.md", "there.md#no-heading", "gone.svg", "#nowhere"]
