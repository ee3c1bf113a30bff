"""The step of an image build that failed, read from the build's output: for whatever starts a build."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_LINES = 15
"""How many lines of a failing step are kept: pip, apt, npm and pytest name the cause in their last ten or fewer."""
WIDTH = 100
"""How many characters of a step's name, and of its reason, go into a message of one line."""
HEADING = "the step that failed: "

# BuildKit's plain progress (moby/buildkit, util/progress/progressui/printer.go) numbers each step.
VERTEX = re.compile(r"#(\d+) (.*)")
WRITTEN = re.compile(r"\d+\.\d+ ?(.*)")
ERROR = "ERROR: "
ENDS = ("DONE", "CACHED", "CANCELED", ERROR)
OPTIONAL = "importing cache manifest"
"""A step whose failure a build survives."""
# Docker's older builder (moby/moby, builder/dockerfile) counts the instructions, and ends with what a command returned.
STEP = re.compile(r"Step \d+/\d+ : .+")
OF_THE_BUILDER = re.compile(r" ---> |Removing intermediate container ")
RETURNED = re.compile(r"The command '.*' returned a non-zero code: \d+$")
BUILT = "Successfully built "
# Both: the Dockerfile is wrong before any step begins.
SYNTAX = re.compile(r"dockerfile parse error(?: on)? line (\d+): (.*)")
UNSOLVED = re.compile(r"failed to solve: (.*)")
# What pip, pytest, apt, npm and compilers begin the line with that says what is wrong.
CAUSE = re.compile(r"\s*(?:ERROR|FAILED|E:|error:|fatal:|npm (?:ERR!|error) (?!code ))")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class FailingStep:
    """A step of an image build that failed: its name as the builder has it, and the last lines that it wrote."""

    name: str
    lines: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The first of its lines that a tool marks as an error, else its last line; empty where it wrote none."""
        return next((line for line in [*filter(CAUSE.match, self.lines), *self.lines[::-1]]), "")

    @property
    def line(self) -> str:
        """Name and reason in one line, for an error message."""
        return ": ".join(_cut(part) for part in (self.name, self.reason) if part)

    def text(self) -> str:
        """Return name and lines, for a terminal."""
        return "\n".join([HEADING + self.name, *(f"  {line}" for line in self.lines)])


def failing_step(output: str, most: int = MOST_LINES) -> FailingStep | None:
    """Find the step that made an image build fail.

    Args:
        output: what the build wrote: by BuildKit with plain progress (`docker buildx build`, `docker compose build`,
            the log file of Pulumi's Docker provider) or by Docker's older builder; other output may stand around it.
        most: how many lines to keep.

    Returns:
        The step; where the Dockerfile is wrong, its line. None where no failed build is found.
    """
    lines = [ESCAPE.sub("", line).rstrip() for line in output.split("\n")]
    found = _of_buildkit(lines) or _of_the_older_builder(lines) or _of_the_dockerfile(lines)
    # What follows a carriage return has replaced what stood before it, as in a progress bar.
    written = [line.rpartition("\r")[2] for line in found.lines if line.strip()] if found else []
    return found and FailingStep(" ".join(found.name.split()), tuple(written[-most:]))


def _of_buildkit(lines: list[str]) -> FailingStep | None:
    """Return the last step that ended with an error; its number may have been another step's in an earlier build."""
    names, written = dict[str, str](), dict[str, list[str]]()
    ended, found, before = set[str](), None, ""
    for line in lines:
        if match := VERTEX.fullmatch(line):
            number, text = match.groups()
            if not before or number not in names:
                if number in ended or names.get(number) != text:
                    names[number], written[number] = text, []
                    ended.discard(number)
            elif text.startswith(ERROR) and not names[number].startswith(OPTIONAL):
                found = FailingStep(names[number], tuple(written[number] or [text.removeprefix(ERROR)]))
            elif output := WRITTEN.fullmatch(text):
                written[number].append(output[1])
            if text.startswith(ENDS):
                ended.add(number)
        before = line
    return found


def _of_the_older_builder(lines: list[str]) -> FailingStep | None:
    """Return the last step whose command failed, or after which the build went no further."""
    name, written, found = "", list[str](), None
    for line in lines:
        if STEP.fullmatch(line):
            name, written = line, []
        elif line.startswith(BUILT):
            name = ""
        elif name and RETURNED.search(line):
            name, found = "", FailingStep(name, tuple(written or [line]))
        elif name and not OF_THE_BUILDER.match(line):
            written.append(line)
    return FailingStep(name, tuple(written)) if name else found


def _of_the_dockerfile(lines: list[str]) -> FailingStep | None:
    """Return what is wrong with the Dockerfile itself."""
    for line in reversed(lines):
        if match := SYNTAX.search(line):
            return FailingStep(f"Dockerfile, line {match[1]}", (match[2],))
        if match := UNSOLVED.search(line):
            return FailingStep("Dockerfile", (match[1],))
    return None


def _cut(text: str) -> str:
    """Return a text in at most WIDTH characters, white space as single spaces."""
    words = " ".join(text.split())
    return words if len(words) <= WIDTH else words[: WIDTH - 1] + "…"
