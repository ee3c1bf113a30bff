"""The text of a notification. Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from contract.names import PROJECT
from delivery.console import ESCAPE, short

SUBJECT = 99
"""Most characters of a subject, which is ASCII without control characters (SNS API reference, Publish, Subject)."""
REASON = 600
"""Most characters of an error: a build's step with its reason has some 300, a service's events some more."""
CREDENTIALS = re.compile(r"(?<=//)[^/\s@]+@")
"""User and password in a URL, as package indexes have them."""
CUT = "..."


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A notification: its subject, and facts by their headings, of which an empty one is left out."""

    subject: str
    facts: dict[str, str]

    @property
    def body(self) -> str:
        """The facts as lines: `Heading: text`, further lines of a text indented."""
        return "\n".join(f"{heading}: {text.replace(chr(10), f'{chr(10)}  ')}" for heading, text in self._told())

    def _told(self) -> list[tuple[str, str]]:
        return [(heading, text) for heading, text in self.facts.items() if text]


def subject(commit: str, what: str) -> str:
    """Return a subject that SNS accepts: `<project> <commit>: <what>`."""
    text = f"{PROJECT} {short(commit)}".strip() + f": {what}"
    plain = "".join(sign if " " <= sign <= "~" else "?" for sign in text)
    return plain if len(plain) <= SUBJECT else plain[: SUBJECT - len(CUT)] + CUT


def reason(error: str) -> str:
    """Return an error as one line of bounded length, without escape sequences and without credentials in URLs.

    An error may quote a program's output; of that no more is passed on than the line that the command ends with.
    """
    line = CREDENTIALS.sub("***@", " ".join(ESCAPE.sub("", error).split()))
    return line if len(line) <= REASON else line[: REASON - len(CUT)] + CUT
