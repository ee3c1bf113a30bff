"""Zip archives: unpack sources, pack artifacts, keep file modes, never escape the folder. Blocking."""

from __future__ import annotations

import fnmatch
import lzma
import os
import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from localcloud.gateway import limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.services.codebuild.buildspec import Files

BYTES_AT_MOST = 2**30
FILES_AT_MOST = 100_000
DIRECTORY_BYTES = 32 * 2**20
"""Maximum size in bytes of a zip file's central directory: 100,000 files with names of 280 characters."""
LINK_AT_MOST = 4096
UTF8 = 0x800
"""The flag of a name in UTF-8; zipfile takes another for IBM's code page 437, which has a character for each byte."""
OUTSIDE = "would lead outside of the source folder"
EPOCH = (1980, 1, 1, 0, 0, 0)


class _Entry(zipfile.ZipInfo):
    """A member of an archive that is written, whose name may have any encoding."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802  zipfile's name; it writes UTF-8 only
        name = os.fsencode(self.filename)
        try:
            name.decode()
        except UnicodeDecodeError:
            return name, self.flag_bits & ~UTF8
        return name, self.flag_bits | UTF8


class ArchiveError(Exception):
    """An archive cannot be unpacked or packed; the message becomes the phase context, in one line."""


def unpack(archive: Path, folder: Path) -> int:
    """Unpack a zip file into a folder and return its number of files.

    Raises:
        ArchiveError: it is not a zip file, exceeds a limit, or would write outside the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        directory_bounded(archive)
        with zipfile.ZipFile(archive) as packed:
            rows = packed.infolist()
            bounded(rows)
            links = []
            left = BYTES_AT_MOST
            for row in rows:
                place = inside(folder, name_of(row))
                mode = row.external_attr >> 16
                if row.is_dir():
                    place.mkdir(parents=True, exist_ok=True)
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                if stat.S_ISLNK(mode):
                    with packed.open(row) as stream:
                        links.append((place, os.fsdecode(stream.read(LINK_AT_MOST))))
                    continue
                left -= extract(packed, row, place, left)
                if mode & 0o777:
                    place.chmod(mode & 0o777)
            for place, target in links:  # last, so that no file is written through a link
                linked(folder, place, target)
            for place, target in links:  # check again: a link may resolve through other links
                if not target.startswith("/") and not place.resolve().is_relative_to(folder.resolve()):
                    raise ArchiveError(f"the archive's link {place.name!r} to {target!r} {OUTSIDE}")
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, NotImplementedError,
            RuntimeError, ValueError) as error:  # fmt: skip
        raise ArchiveError(f"the archive cannot be unpacked: {error}") from error
    return len(rows)


def directory_bounded(archive: Path) -> None:
    """Refuse a central directory that would exhaust memory: zipfile reads it whole before entries can be counted."""
    with archive.open("rb") as stream:
        end = zipfile._EndRecData(stream)  # type: ignore[attr-defined]  # noqa: SLF001  there is no public API
    size = end[5] if end else 0
    if size > DIRECTORY_BYTES:
        raise ArchiveError(f"the archive's directory has {size} bytes; the local cloud reads {DIRECTORY_BYTES} at most")


def bounded(rows: list[zipfile.ZipInfo]) -> None:
    """Refuse an archive whose declared number of files or size exceeds the limits."""
    if len(rows) > FILES_AT_MOST:
        raise ArchiveError(f"the archive has {len(rows)} files; the local cloud unpacks {FILES_AT_MOST} at most")
    names = Counter(str(PurePosixPath(name_of(row))) for row in rows)
    if twice := [name for name, count in names.items() if count > 1]:
        raise ArchiveError(f"the archive has the file {twice[0]!r} more than once")
    total = sum(row.file_size for row in rows)
    if total > BYTES_AT_MOST:
        raise ArchiveError(f"the archive unpacks to {total} bytes; the local cloud unpacks {BYTES_AT_MOST} at most")


def name_of(row: zipfile.ZipInfo) -> str:
    """Return the name of an archive member, of whose bytes none is changed: neither backslashes nor other encodings."""
    return os.fsdecode(row.orig_filename.encode("utf-8" if row.flag_bits & UTF8 else "cp437"))


def inside(folder: Path, name: str) -> Path:
    """Return the path of an archive member, which must be inside the folder."""
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts:
        raise ArchiveError(f"the archive's file {name!r} would lie outside of the source folder")
    return folder.joinpath(*parts.parts)


def extract(packed: zipfile.ZipFile, row: zipfile.ZipInfo, place: Path, left: int) -> int:
    """Extract one file and return its actual size; the size that the archive declares is not trusted."""
    size = 0
    with packed.open(row) as stream, place.open("wb") as target:
        while chunk := stream.read(2**20):
            size += len(chunk)
            if size > left:
                raise ArchiveError(f"the archive unpacks to more than {BYTES_AT_MOST} bytes")
            if full := limits.no_room(place.parent):
                raise ArchiveError(full)
            target.write(chunk)
    return size


def linked(folder: Path, place: Path, target: str) -> None:
    """Create a symbolic link; a relative target must be inside the folder, an absolute one is the container's."""
    aim = os.path.normpath(place.parent / target)
    if not target.startswith("/") and not Path(aim).is_relative_to(folder):
        raise ArchiveError(f"the archive's link {place.name!r} to {target!r} {OUTSIDE}")
    place.unlink(missing_ok=True)
    place.symlink_to(target)


def matching(root: Path, wanted: Files) -> list[tuple[Path, str]]:
    """Return the files to collect with their names in the archive, sorted.

    Args:
        root: the source folder.
        wanted: patterns below base directories; a base directory may itself be a pattern, or absolute.

    Raises:
        ArchiveError: a file is outside the build's folder, directly or through a link: it would be the host's own.
    """
    try:
        return collected(root, wanted)
    except (NotImplementedError, ValueError, RuntimeError) as error:  # an invalid pattern, or a cycle of links
        raise ArchiveError(f"the files {', '.join(wanted.files)[:200]} cannot be collected: {error}") from error


def collected(root: Path, wanted: Files) -> list[tuple[Path, str]]:
    """Return the files to collect with their names in the archive, like `matching` but without its error handling."""
    found: dict[str, Path] = {}
    for base in bases(root, wanted.base):
        own(root, base)
        for pattern in wanted.files:
            own(root, Path(re.split(r"[*?\[]", str(base / pattern))[0]))
        for path in sorted(chosen(base, wanted)):
            own(root, path)
            name = path.name if wanted.discard else relative(path, base)
            found.setdefault(name, path)
    return [(path, name) for name, path in sorted(found.items())]


def own(root: Path, path: Path) -> None:
    """Refuse a path outside the build's folder, which contains all that the build may write to.

    Raises:
        ArchiveError: the path is outside.
    """
    if not path.resolve().is_relative_to(root.parent.resolve()):
        raise ArchiveError(f"{path.name!r} is outside of the build's folder: copy it to $CODEBUILD_SRC_DIR first")


def relative(path: Path, base: Path) -> str:
    """Return a path relative to its base; a path outside the base stays whole, without the leading slash."""
    return str(path.relative_to(base)) if path.is_relative_to(base) else str(path).lstrip("/")


def bases(root: Path, pattern: str) -> list[Path]:
    """Return the folders that match a base directory."""
    if re.search(r"[*?\[]", pattern):
        return sorted(path for path in root.glob(pattern) if path.is_dir())
    return [Path(os.path.normpath(root / pattern))]


def chosen(base: Path, wanted: Files) -> Iterator[Path]:
    """Yield the files below a base directory that match a pattern and no exclude pattern."""
    for pattern in wanted.files:
        for path in named(base, pattern):
            name = relative(path, base)
            if not any(fnmatch.fnmatch(name, exclude.replace("**/", "*")) for exclude in wanted.exclude):
                yield path


def named(base: Path, pattern: str) -> Iterator[Path]:
    """Yield the files that match one pattern; `**/*` and `folder/**/*` match everything below."""
    plain = base / pattern
    if not re.search(r"[*?\[]", pattern):
        if plain.is_file() or plain.is_symlink():
            yield Path(os.path.normpath(plain))
        elif plain.is_dir():
            yield from (path for path in plain.rglob("*") if path.is_file())
        return
    plain_stars = re.sub(r"\*\*(?=[^/])|(?<=[^/])\*\*", "*", pattern)
    whole = f"{plain_stars}/*" if plain_stars.endswith("**") else plain_stars
    start, rest = (Path("/"), whole.lstrip("/")) if whole.startswith("/") else (base, whole)
    for path in start.glob(rest):
        if path.is_file() or path.is_symlink():
            yield path


def pack(rows: list[tuple[Path, str]], target: Path, *, symlinks: bool) -> None:
    """Write files into a zip file with their modes.

    Args:
        rows: files with their names in the archive.
        target: the zip file.
        symlinks: keep links as links; otherwise pack their targets.

    Raises:
        ArchiveError: there are too many files or bytes.
    """
    total = sum(path.stat().st_size for path, _ in rows if path.exists())
    if len(rows) > FILES_AT_MOST or total > BYTES_AT_MOST:
        raise ArchiveError(f"the artifact has {len(rows)} files of {total} bytes; the local cloud packs 1 GiB at most")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for path, name in rows:
            if symlinks and path.is_symlink():
                entry = _Entry(name, EPOCH)
                entry.external_attr = (stat.S_IFLNK | 0o777) << 16
                packed.writestr(entry, str(path.readlink()))
                continue
            if not path.is_file():
                continue  # a dangling link, or a target that is not a regular file
            entry = _Entry(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (stat.S_IFREG | stat.S_IMODE(path.stat().st_mode)) << 16
            with path.open("rb") as stream, packed.open(entry, "w", force_zip64=True) as sink:
                shutil.copyfileobj(stream, sink, 2**20)
