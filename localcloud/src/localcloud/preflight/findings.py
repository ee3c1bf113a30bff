"""The findings of a check: an error, a warning, a step to be done, required disk space, or required consent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """An error that stops the command; one line: what, which rule, remedy."""

    text: str


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning; one line."""

    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """A step that will be done, with its duration in seconds on two cores."""

    text: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Room:
    """Required disk space in a folder; 0 GB: the folder must only be writable.

    `setting` names the variable that relocates the folder, if any. Only our own folders are checked for writing.
    """

    folder: Path
    gigabytes: float
    what: str
    setting: str = ""
    ours: bool = True


@dataclass(frozen=True, slots=True)
class Leave:
    """A step that needs the user's consent, given beforehand or requested on a terminal."""

    lack: str
    what: str


Finding = Problem | Warned | Step | Room | Leave
