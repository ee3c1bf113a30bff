"""The comment on a pull request: what a reviewer must see first, details folded, within GitHub's limit.

Whatever comes from a preview is untrusted: it is shown in code only, in fences that it cannot close, and without
characters that hide or reorder text. In code GitHub makes no mention, link or image.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from delivery.previews.stack_previews import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from delivery.previews.stack_previews import Change, StackPreview

MARKER = "<!-- delivery preview -->"
LIMIT = 65536
"""GitHub's, in characters; held in bytes, which are never fewer."""
MOST_NAMED = 25
MOST_STACKS = 100
LONGEST_NAME = 120
LONGEST_LINE = 1000
ERROR_BYTES = 6000
SIGNS = {"delete": "-", "replace": "+-", "create": "+", "update": "~", "import": "="}
COLOURS = {"delete": "-", "create": "+", "replace": "!", "update": "!"}
"""What begins a line for GitHub to colour it as a diff."""
GRAVE = ("delete", "replace")
DONE = {"delete": "deleted", "replace": "replaced"}
# Control characters, and those of Unicode that reorder or hide text.
HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff]"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What the previews are of: a commit, and the address of the run that made them ("" by hand)."""

    commit: str
    run: str = ""


def comment(previews: Sequence[StackPreview], about: About, problem: str = "") -> str:
    """Return the comment, at most LIMIT bytes; `problem` is why there are no previews."""
    told, left = previews[:MOST_STACKS], len(previews[MOST_STACKS:])
    head = [MARKER, f"### Preview of {code(about.commit[:12]) if about.commit else 'the working tree'}", ""]
    tail = [f"And {left} more stacks.", ""] if left else [] if told else [f":x: **no preview**: {code(problem)}", ""]
    tail.append(f"<sub>Against the state of each stack as it was then, without refresh.{_run(about)}</sub>")
    tops = [_top(one, LIMIT // 3 // len(told)) for one in told]
    room = LIMIT - _bytes([*head, *tail]) - sum(map(_bytes, tops))
    details: dict[int, list[str]] = {}
    # The smallest first, so that what it leaves is for the others.
    for index in sorted(range(len(told)), key=lambda index: _size(told[index])):
        details[index] = _details(told[index], room // (len(told) - len(details)))
        room -= _bytes(details[index])
    body = [line for index, top in enumerate(tops) for line in (*top, *details[index])]
    return "\n".join([*head, *body, *tail])


def summary(one: StackPreview) -> str:
    """Return a stack's preview in a line, as for the terminal."""
    counts = [f"{SIGNS[kind]}{one.count(kind)} {kind}" for kind in reversed(OPERATIONS) if one.count(kind)]
    told = ", ".join(counts) or "no changes"
    return f"failed ({told} until then)" if one.failed and counts else "failed" if one.failed else told


def code(text: str) -> str:
    """Return a text as inline code: one line of bounded length that nothing in it can end."""
    kept = HIDDEN.sub("\ufffd", " ".join(text.split())).replace("`", "'")
    return f"`{kept[:LONGEST_NAME]}{'...' if len(kept) > LONGEST_NAME else ''}`" if kept else "`?`"


def shown(texts: Iterable[str]) -> list[str]:
    """Return texts as lines of bounded length in which everything can be seen."""
    every = (part for text in texts for part in text.replace("\r", "").split("\n"))
    return [HIDDEN.sub("\ufffd", line[:LONGEST_LINE]) for line in every]


def fenced(lines: Sequence[str], language: str = "") -> list[str]:
    """Return lines, as `shown` returns them, as a block of code whose fence is longer than any in it."""
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(longest + 1, 3)
    return [fence + language, *lines, fence]


def cut(lines: Sequence[str], room: int, what: str) -> list[str]:
    """Return the lines that fit into so many bytes, and say in the last how many do not."""
    if _bytes(lines) <= room:
        return list(lines)
    note = "... cut here: {} more lines; " + what
    room -= len(note) + len(str(len(lines)))
    kept: list[str] = []
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            break
        kept.append(line)
    return [*kept, note.format(len(lines) - len(kept))]


def _top(one: StackPreview, room: int) -> list[str]:
    """Return what nobody should have to unfold; lists get so many bytes each at most, errors likewise."""
    grave = [f"- **{DONE[change.operation]}**: {_named(change)}" for change in one.changes if change.operation in GRAVE]
    points = _fitting([*(f"- policy {code(text)}" for text in one.policies), *grave][:MOST_NAMED], room)
    if left := len(grave) + len(one.policies) - len(points):
        points.append(f"- and {left} more like these")
    told = fenced(_middle(shown(one.errors), min(ERROR_BYTES, room))) if one.errors else []
    parts = [[f"**{code(one.stack)}** {_counts(one)}"], points, told]
    return [line for part in parts if part for line in (*part, "")]


def _counts(one: StackPreview) -> str:
    told = [f"`{SIGNS[kind]}` {one.count(kind)} {kind}" for kind in reversed(OPERATIONS) if one.count(kind)]
    if one.failed:
        return f":x: **the preview failed**{': until then ' + ', '.join(told) if told else ''}"
    return ", ".join([*(told or ["no changes"]), f"{one.unchanged} unchanged"])


def _named(change: Change) -> str:
    reasons = f", because of {', '.join(code(reason) for reason in change.reasons[:5])}" if change.reasons else ""
    return f"{code(change.name)} {code(change.kind)}{reasons}"


def _middle(lines: Sequence[str], room: int) -> list[str]:
    """Return an error's lines; of a long one the beginning and the end, where a traceback has its reason."""
    if _bytes(lines) <= room:
        return list(lines)
    first = _fitting(lines, room // 3)
    last = _fitting(lines[::-1], room // 2)[::-1]
    left = len(lines) - len(first) - len(last)
    return [*first, f"... {left} lines left out ...", *last]


def _fitting(lines: Sequence[str], room: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            break
        kept.append(line)
    return kept


def _details(one: StackPreview, room: int) -> list[str]:
    """Return what is folded: changes, then warnings; nothing where there is no room for it."""
    lines = shown([*_changed(one.changes), *(f"warning: {text}" for text in one.warnings)])
    if not lines:
        return []
    title = f"{len(one.changes)} changes" + (f", {len(one.warnings)} warnings" if one.warnings else "")
    before, after = ["<details><summary>" + title + "</summary>", ""], ["", "</details>", ""]
    # The fences, which grow with the longest one inside, are measured on all lines.
    fences = fenced(lines, "diff")
    around = _bytes([*before, fences[0], fences[-1], *after])
    if room < around + LONGEST_NAME * 2:
        return ["The details do not fit here.", ""] if room > LONGEST_NAME else []
    kept = cut(fences[1:-1], room - around, "see all: delivery preview --stack " + shown([one.stack[:LONGEST_NAME]])[0])
    return [*before, fences[0], *kept, fences[-1], *after]


def _changed(changes: Sequence[Change]) -> Iterator[str]:
    for change in changes:
        colour = COLOURS.get(change.operation, " ")
        yield f"{colour} {change.operation} {change.kind} {change.name}"
        yield from (f"    {line}" for line in change.lines)


def _size(one: StackPreview) -> int:
    return sum(map(len, [*_changed(one.changes), *one.warnings]))


def _run(about: About) -> str:
    return f" [The run]({about.run})." if re.fullmatch(r"https?://[\w.:/-]+", about.run) else ""


def _bytes(lines: Sequence[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)
