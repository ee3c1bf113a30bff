"""What a checkout has and the pipeline's source archive has not: submodules, repositories, Git LFS content, links."""

from __future__ import annotations

import os
import posixpath
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra import build_context
from infra.build_context import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GIT, MODULES, ATTRIBUTES = ".git", ".gitmodules", ".gitattributes"
LEFT_OUT = "which the pipeline's source archive leaves out"
SUBMODULE_PATH = re.compile(r"^\s*path\s*=\s*(.+?)\s*$", re.MULTILINE)
ATTRIBUTES_LINE = re.compile(r'(?:"(?P<quoted>[^"]+)"|(?P<plain>[^"#\s]\S*))\s+(?P<attributes>.+)')
FILTER = re.compile(r"[-!]?filter(=.*)?")
# Git LFS specification, "The Pointer": a pointer is shorter than 1024 bytes and begins with its version.
POINTER, POINTER_SIZE = b"version https://git-lfs.github.com/spec/", 1024


def problem(root: Path, context: Path, files: Sequence[str], read: Sequence[str] = ()) -> str | None:
    """Return what the archive lacks of a build context, as `RULE; REMEDY`; None if it lacks nothing.

    Args:
        root: the repository.
        context: folder of the build context, below the repository.
        files: paths in the context of the files that Docker gets.
        read: paths in the context of what Docker reads, whether `.dockerignore` excludes it or not.
    """
    place = context.relative_to(root).as_posix()
    exclude = f", or exclude it in {shown(f'{place}/.dockerignore')}"
    for path in _submodules(root):
        is_inside = path.startswith(f"{place}/")
        if f"{place}/".startswith(f"{path}/") or (is_inside and _is_sent(context, path[len(place) + 1 :], files)):
            rule = f"{shown(path)} is a Git submodule, {LEFT_OUT}"
            return f"{rule}; commit its files instead{exclude if is_inside else ''}"
    for path in _repositories(context):
        if path == "." or _is_sent(context, path, files):
            rule = f"{shown(posixpath.normpath(f'{place}/{path}'))} is a Git repository of its own, {LEFT_OUT}"
            return f"{rule}; remove its .git and commit its files{exclude if path != '.' else ''}"
    if found := [*_in_lfs(root, context, files)]:
        what = f"{shown(f'{place}/{found[0]}')} {f'and {len(found) - 1} more are' if found[1:] else 'is'}"
        rule = f"{what} in Git LFS, and the pipeline's source archive has its pointer only"
        return f"{rule}; commit the content itself, download it in the Dockerfile{exclude}"
    if links := [path for path in dict.fromkeys((*files, *read)) if (context / path).is_symlink()]:
        what = shown(f"{place}/{links[0]}")
        what += f" and {len(links) - 1} more are symbolic links" if links[1:] else " is a symbolic link"
        rule = f"{what}, which the pipeline's source archive stores as text"
        other = "" if links[0] in read else f", create the link in the Dockerfile{exclude}"
        return f"{rule}; commit a copy of its target{other}"
    return None


def _submodules(root: Path) -> Iterator[str]:
    """Yield the paths of the repository's submodules (gitmodules(5))."""
    file = root / MODULES
    for path in SUBMODULE_PATH.findall(file.read_text("utf-8", "replace")) if file.is_file() else ():
        yield posixpath.normpath(path.strip('"'))


def _repositories(context: Path) -> Iterator[str]:
    """Yield the folders of a context that are repositories or submodules, which have a file `.git`."""
    for folder, folders, names in os.walk(context):
        if GIT in folders or GIT in names:
            yield Path(folder).relative_to(context).as_posix()
        folders[:] = [name for name in folders if name != GIT]


def _is_sent(context: Path, folder: str, files: Sequence[str]) -> bool:
    """Return whether Docker gets a folder of a context, or a file in it."""
    rules = build_context.rules_of(context)
    return not build_context.is_ignored(folder, rules) or any(file.startswith(f"{folder}/") for file in files)


def _in_lfs(root: Path, context: Path, files: Sequence[str]) -> Iterator[str]:
    """Yield the files whose content is in Git LFS: by their attributes, or since they are pointers."""
    rules = [rule for folder in _with_attributes(root, context, files) for rule in _rules(folder)]
    for file in files:
        matching = [rule.is_lfs for rule in rules if rule.matches(context / file)]
        if (matching and matching[-1]) or _is_pointer(context / file):
            yield file


def _with_attributes(root: Path, context: Path, files: Sequence[str]) -> list[Path]:
    """Return the folders whose `.gitattributes` concern files of a context; the nearest to a file is the last."""
    inside = {parent for file in files for parent in (context / file).parents if parent.is_relative_to(root)}
    return sorted((folder for folder in inside if (folder / ATTRIBUTES).is_file()), key=lambda path: len(path.parts))


@dataclass(frozen=True, slots=True)
class _Rule:
    """A line of a folder's `.gitattributes` that sets the attribute `filter`."""

    folder: Path
    pattern: re.Pattern[str]
    is_name: bool
    is_lfs: bool

    def matches(self, file: Path) -> bool:
        """Return whether a file is meant."""
        if not file.is_relative_to(self.folder):
            return False
        return bool(self.pattern.fullmatch(file.name if self.is_name else file.relative_to(self.folder).as_posix()))


def _rules(folder: Path) -> Iterator[_Rule]:
    """Yield the rules of a folder's `.gitattributes` (gitattributes(5)); a folder's name means none of its files."""
    for line in (folder / ATTRIBUTES).read_text("utf-8", "replace").splitlines():
        match = ATTRIBUTES_LINE.fullmatch(line.strip())
        words = match["attributes"].split() if match else []
        values = [word for word in words if FILTER.fullmatch(word)]
        if match and values:
            text = (match["quoted"] or match["plain"]).replace("[[:space:]]", " ")
            with suppress(re.error):
                pattern = re.compile(build_context.expression(text.removeprefix("/")))
                yield _Rule(folder, pattern, "/" not in text, values[-1] == "filter=lfs")


def _is_pointer(file: Path) -> bool:
    """Return whether a file is a pointer of Git LFS; one that cannot be read is reported when it is built from."""
    with suppress(OSError):
        if file.stat().st_size < POINTER_SIZE and file.is_file():
            with file.open("rb") as stream:
                return stream.read(len(POINTER)) == POINTER
    return False
