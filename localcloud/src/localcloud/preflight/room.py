"""Checks that a command's folders are writable and have enough disk space, summed by disk."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localcloud.preflight.findings import Room


def shortages(rooms: list[Room]) -> Iterator[str]:
    """Yield one line for each folder that is not writable and for each disk with too little space."""
    disks: dict[int, list[Room]] = {}
    for room in rooms:
        folder = existing(room.folder)
        if room.ours and (reason := unwritable(folder)):
            yield f"{room.folder} cannot be written ({reason}): check its permissions{elsewhere([room])}"
        else:
            disks.setdefault(folder.stat().st_dev, []).append(room)
    for wanted in disks.values():
        folder = existing(wanted[0].folder)
        free, needed = shutil.disk_usage(folder).free / 1e9, sum(room.gigabytes for room in wanted)
        if free < needed:
            parts = ", ".join(f"{room.what} {room.gigabytes:g} in {room.folder}" for room in wanted if room.gigabytes)
            yield f"{free:.1f} GB are free and {needed:.1f} needed ({parts}): free space{elsewhere(wanted)}"


def existing(folder: Path) -> Path:
    """Return the folder, or its nearest existing parent."""
    while not os.path.lexists(folder):
        folder = folder.parent
    return folder


def unwritable(folder: Path) -> str:
    """Return why no file can be created in a folder, or "" if one can (a full disk does not count)."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def elsewhere(rooms: list[Room]) -> str:
    """Return the part of a remedy that names the variables which relocate the folders."""
    settings = sorted({room.setting for room in rooms if room.setting})
    return f", or set {' or '.join(settings)} to a folder elsewhere" if settings else ""
