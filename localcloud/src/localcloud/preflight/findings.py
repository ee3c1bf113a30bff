"""What a check finds: something that stops the command, a warning, something to do, or a need for room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """One line that stops the command: thing, rule, remedy."""

    text: str


@dataclass(frozen=True, slots=True)
class Warned:
    """One line of what may go wrong."""

    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """Something that will be done, with the seconds that it takes on two cores."""

    text: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Room:
    """Space that will be taken in a folder; 0 GB: it only has to be writable.

    `setting` names the variable that moves the folder, if one does. A folder that is not ours is not written by us.
    """

    folder: Path
    gigabytes: float
    what: str
    setting: str = ""
    ours: bool = True


@dataclass(frozen=True, slots=True)
class Leave:
    """Something that needs a person's leave, given beforehand or asked for on a terminal."""

    lack: str
    what: str


Finding = Problem | Warned | Step | Room | Leave
