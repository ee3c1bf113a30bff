"""From a build's Docker log to AWS's log lines and the build's phases. Deterministic: a replay gives the same lines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from localcloud.services.codebuild import phases
from localcloud.services.codebuild.script import MARK

if TYPE_CHECKING:
    from localcloud.state.table import Doc

Line = tuple[float, str]
MASK = "***"


def stamped(moment: float, text: str) -> str:
    """Return a line of the build agent with its timestamp, as AWS formats it."""
    when = datetime.fromtimestamp(moment, UTC).strftime("%Y/%m/%d %H:%M:%S.%f")
    return f"[Container] {when} {text}"


class Transcript:
    """Parses a build's output line by line."""

    def __init__(self, build: Doc, word: str, commands: dict[str, list[str]], secrets: list[str]) -> None:
        """Initialize the parser.

        Args:
            build: the build whose phases are updated.
            word: the control lines' secret word.
            commands: each phase's commands.
            secrets: the values to mask.
        """
        self._build, self._commands = build, commands
        self._control = f"{MARK}{word} "
        pieces = {piece for value in secrets for piece in (value, *value.splitlines()) if piece.strip()}
        self._secrets = sorted(pieces, key=len, reverse=True)
        self._failure = ""
        self.failed = False
        self.done = False

    def masked(self, text: str) -> str:
        """Return a line with secrets replaced by ***."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def feed(self, moment: float, text: str, ahead: float) -> list[Line]:
        """Parse one line of output and return the lines to log.

        Args:
            moment: when the line was written, in seconds since 1970.
            text: the line, in which a control line may follow output without a newline.
            ahead: seconds by which the builds' clock is ahead of it.
        """
        before, mark, control = text.partition(self._control)
        rows = [before] if before or not mark else []
        if mark:
            rows += [
                stamped(moment, row) if row else "" for row in self._obey(control.split(), round(moment + ahead, 3))
            ]
        return [(moment, self.masked(row)) for row in rows]

    def _obey(self, words: list[str], now: float) -> list[str]:
        kind, phase = words[0], words[1] if len(words) > 1 else ""
        if kind == "enter":
            self._failure = ""
            phases.enter(self._build, phase, now)
            return [f"Entering phase {phase}"]
        if kind == "run":
            return [f"Running command {self._command(phase, words[2])}"]
        if kind == "failed":
            command = self._command(phase, words[2])
            text = f"Error while executing command: {command}. Reason: exit status {words[3]}"
            self._failure = self._failure or text
            return ["", f"Command did not exit successfully {command} exit status {words[3]}"]
        if kind == "leave":
            return self.leave(phase, words[2], now)
        self.done = True
        return []

    def leave(self, phase: str, state: str, now: float) -> list[str]:
        """End a phase in which commands ran."""
        self.failed = self.failed or state != "SUCCEEDED"
        code, message = ("COMMAND_EXECUTION_ERROR", self._failure) if state != "SUCCEEDED" else ("", "")
        message = self.masked(message)
        phases.leave(self._build, state, now, code, message)
        return [f"Phase complete: {phase} State: {state}", f"Phase context status code: {code} Message: {message}"]

    def _command(self, phase: str, number: str) -> str:
        return self._commands[phase][int(number) - 1].rstrip("\n")
