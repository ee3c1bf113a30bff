"""Files that a build wrote outside of its folder, such as below /tmp: copied from its container, which has exited."""

from __future__ import annotations

import io
import os
import re
import shutil
import tarfile
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import docker

from localcloud.services.codebuild import archives
from localcloud.services.codebuild.archives import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.services.codebuild.buildspec import Files

WILDCARD = re.compile(r"[*?\[]")
BYTES_AT_MOST = 256 * 2**20
"""Maximum number of bytes copied for a report; a pattern such as `/**/*.xml` asks for the container's whole disk."""


class _Stream(io.RawIOBase):
    """Chunks of bytes as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        """Initialize with the chunks."""
        super().__init__()
        self._chunks, self._left = chunks, b""

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer."""
        self._left = self._left or next(self._chunks, b"")
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size


def matching(api: Any, container: str, source: Path, wanted: Files) -> list[tuple[Path, str]]:
    """Return the files that match, with their names; those outside of the build's folder are copied to it. Blocking.

    Args:
        api: the Docker Engine's API.
        container: the build's container.
        source: the source folder, to which relative paths refer.
        wanted: the patterns, without variables.

    Raises:
        ArchiveError: too much would be copied, or a pattern is invalid.
    """
    place = Path(tempfile.mkdtemp(prefix="outside-", dir=source.parent))  # a new name: the build may have made links
    base = os.path.normpath(source / wanted.base)
    away = not Path(base).is_relative_to(source.parent)
    if away and WILDCARD.search(base):
        raise ArchiveError(f"base-directory {wanted.base}: outside of the build's folder it may have no wildcard")
    patterns = []
    for pattern in wanted.files:
        full = os.path.normpath(f"{base}/{pattern}") if not pattern.startswith("/") else pattern
        outside = not Path(literal(full)).is_relative_to(source.parent)
        if outside:
            copied(api, container, literal(full), place)
        patterns.append(f"{place}{full}" if outside else pattern)
    moved = replace(wanted, files=tuple(patterns), base=f"{place}{base}" if away else wanted.base)
    prefix = f"{str(place).lstrip('/')}/"
    return [(path, name.removeprefix(prefix)) for path, name in archives.matching(source, moved)]


def literal(pattern: str) -> str:
    """Return the part of an absolute pattern that has no wildcard: a file or a folder."""
    plain = WILDCARD.split(pattern)[0]
    return plain if plain == pattern else plain.rpartition("/")[0] or "/"


def copied(api: Any, container: str, path: str, place: Path) -> None:
    """Copy the regular files of a container's path below a folder, in which they have the same path; none is no error.

    Raises:
        ArchiveError: there are too many bytes, or a name leads out of the folder.
    """
    try:
        chunks, _ = api.get_archive(container, path)
    except docker.errors.NotFound:
        return
    parent, left = place / path.lstrip("/"), BYTES_AT_MOST
    with closing(chunks), tarfile.open(fileobj=io.BufferedReader(_Stream(iter(chunks))), mode="r|") as tar:
        for member in tar:
            left -= member.size
            if left < 0:
                raise ArchiveError(f"{path} has more than {BYTES_AT_MOST} bytes, which is the most that is copied")
            if ".." in PurePosixPath(member.name).parts:
                raise ArchiveError(f"{path}: the file {member.name!r} would lie outside of its folder")
            content = tar.extractfile(member) if member.isreg() else None
            if content is not None:
                target = parent.joinpath(*PurePosixPath(member.name).parts[1:])
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as sink:
                    shutil.copyfileobj(content, sink)
