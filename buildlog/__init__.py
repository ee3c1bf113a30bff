"""Finding the failing step of an image build in its output."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_LINES = 15
"""Number of a failing step's last lines that are kept: pip, apt, npm and pytest name the cause in the last ten."""
WIDTH = 100
"""Maximum number of characters of a step's name, and of its reason, in a message of one line."""
HEADING = "the step that failed: "

# BuildKit's plain progress (moby/buildkit, util/progress/progressui/printer.go) numbers each step.
VERTEX = re.compile(r"#(\d+) (.*)")
WRITTEN = re.compile(r"\d+\.\d+ ?(.*)")
ERROR = "ERROR: "
ENDS = ("DONE", "CACHED", "CANCELED", ERROR)
OPTIONAL = "importing cache manifest"
"""A step whose failure does not fail the build."""
# Docker's legacy builder (moby/moby, builder/dockerfile) numbers instructions and ends with a command's exit code.
STEP = re.compile(r"Step \d+/\d+ : .+")
BUILDER_OUTPUT = re.compile(r" ---> |Removing intermediate container ")
RETURNED = re.compile(r"The command '.*' returned a non-zero code: \d+$")
BUILT = "Successfully built "
# Both builders: the Dockerfile is invalid, so no step starts.
SYNTAX = re.compile(r"dockerfile parse error(?: on)? line (\d+): (.*)")
UNSOLVED = re.compile(r"failed to solve: (.*)")
# Prefixes of the line that names the cause, of pip, pytest, apt, npm and compilers.
CAUSE = re.compile(r"\s*(?:ERROR|FAILED|E:|error:|fatal:|npm (?:ERR!|error) (?!code ))")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class FailingStep:
    """A failing step of an image build: its name as the builder shows it, and the last lines of its output."""

    name: str
    lines: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The first line that a tool marks as an error, otherwise the last line; empty if there is no output."""
        return next((line for line in [*filter(CAUSE.match, self.lines), *self.lines[::-1]]), "")

    @property
    def line(self) -> str:
        """Name and reason on one line, for an error message."""
        return ": ".join(_cut(part) for part in (self.name, self.reason) if part)

    def text(self) -> str:
        """Return name and lines, for a terminal."""
        return "\n".join([HEADING + self.name, *(f"  {line}" for line in self.lines)])


def failing_step(output: str, most: int = MOST_LINES) -> FailingStep | None:
    """Return the step that made an image build fail.

    Args:
        output: of the build, by BuildKit with plain progress (`docker buildx build`, `docker compose build`, the log
            file of Pulumi's Docker provider) or by Docker's legacy builder; other output may surround it.
        most: maximum number of lines to keep.

    Returns:
        The step; for an invalid Dockerfile, its line. None if the output has no failed build.
    """
    lines = [ESCAPE.sub("", line).rstrip() for line in output.split("\n")]
    step = _buildkit_step(lines) or _legacy_step(lines) or _dockerfile_error(lines)
    # Text after a carriage return overwrites the text before it, as in a progress bar.
    written = [line.rpartition("\r")[2] for line in step.lines if line.strip()] if step else []
    return step and FailingStep(" ".join(step.name.split()), tuple(written[-most:]))


def _buildkit_step(lines: list[str]) -> FailingStep | None:
    """Return the last step that ended with an error; an earlier build may have used its number for another step."""
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


def _legacy_step(lines: list[str]) -> FailingStep | None:
    """Return the last step whose command failed or after which the build stopped."""
    name, written, found = "", list[str](), None
    for line in lines:
        if STEP.fullmatch(line):
            name, written = line, []
        elif line.startswith(BUILT):
            name = ""
        elif name and RETURNED.search(line):
            name, found = "", FailingStep(name, tuple(written or [line]))
        elif name and not BUILDER_OUTPUT.match(line):
            written.append(line)
    return FailingStep(name, tuple(written)) if name else found


def _dockerfile_error(lines: list[str]) -> FailingStep | None:
    """Return the error in the Dockerfile itself."""
    for line in reversed(lines):
        if match := SYNTAX.search(line):
            return FailingStep(f"Dockerfile, line {match[1]}", (match[2],))
        if match := UNSOLVED.search(line):
            return FailingStep("Dockerfile", (match[1],))
    return None


def _cut(text: str) -> str:
    """Return a text truncated to WIDTH characters, with white space collapsed."""
    words = " ".join(text.split())
    return words if len(words) <= WIDTH else words[: WIDTH - 1] + "…"
