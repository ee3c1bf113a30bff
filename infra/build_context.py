"""A Docker build context: its files, their content hash, and their modes."""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import re
import shutil
import tempfile
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from contract import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HASH_LENGTH = 12
ROOT = Path(__file__).resolve().parent.parent
"""The folder of Pulumi.yaml; the paths of contexts are relative to it."""


def image_hash(context: Path, *, dockerfile: str, target: str, platform: str, build_args: Mapping[str, str]) -> str:
    """Return the hash of everything that an image build depends on: files of the context, and arguments.

    Args:
        context: folder of the build context; its `.dockerignore` applies.
        dockerfile: path of the Dockerfile in the context; hashed even if ignored, since Docker reads it.
        target: build stage.
        platform: such as `linux/amd64`.
        build_args: build arguments.

    Returns:
        Twelve hexadecimal digits. File times and owners are not hashed, the executable bit is.
    """
    digest = hashlib.sha256()
    for part in (dockerfile, target, platform, *(f"{key}={value}" for key, value in sorted(build_args.items()))):
        digest.update(part.encode() + b"\0")
    for path in sorted({*context_files(context), dockerfile}):
        digest.update(_entry(context / path, path))
    return digest.hexdigest()[:HASH_LENGTH]


def context_files(context: Path) -> Iterator[str]:
    """Yield the relative POSIX paths of the files that `.dockerignore` does not exclude, sorted.

    Raises:
        OSError: a folder that it does not exclude cannot be read.
    """
    rules = rules_of(context)

    def refuse(error: OSError) -> None:
        if not is_ignored(Path(error.filename).relative_to(context).as_posix(), rules):
            raise error

    found = [Path(folder, name) for folder, *names in os.walk(context, onerror=refuse) for name in chain(*names)]
    for path in sorted(found):
        relative = path.relative_to(context).as_posix()
        if (path.is_file() or path.is_symlink()) and not is_ignored(relative, rules):
            yield relative


def with_fixed_modes(context: Path, dockerfile: str) -> Path:
    """Return a build context whose file modes do not depend on the checkout's umask.

    The pipeline's builds set the same modes in place (`contract.files`).

    Args:
        context: folder of the build context, which is not changed.
        dockerfile: path of the Dockerfile in the context.

    Returns:
        The context itself if its modes are correct, otherwise a copy that is deleted when this process exits.
    """
    names = {*context_files(context), dockerfile}
    folders = {parent for name in names for parent in (context / name).parents if parent.is_relative_to(context)}
    modes = {context / name: files.mode_of(context / name) for name in names if not (context / name).is_symlink()}
    modes |= dict.fromkeys(folders, files.FOLDER_MODE)
    if all(path.stat().st_mode & 0o777 == mode for path, mode in modes.items()):
        return context
    copy = Path(tempfile.mkdtemp(prefix="slipway-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    ignore = {".dockerignore"} if (context / ".dockerignore").is_file() else set()
    for name in names | ignore:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(context / name, copy / name, follow_symlinks=False)
    for path, mode in modes.items():
        (copy / path.relative_to(context)).chmod(mode)
    return copy


def rules_of(context: Path) -> list[tuple[re.Pattern[str], bool]]:
    """Return the rules of a context's `.dockerignore`, none if it has no such file."""
    ignore = context / ".dockerignore"
    return ignore_rules(ignore.read_text("utf-8")) if ignore.is_file() else []


def ignore_rules(text: str) -> list[tuple[re.Pattern[str], bool]]:
    """Parse a `.dockerignore` (Docker documentation, "Dockerignore files").

    Returns:
        Pairs of a pattern and whether it excludes files (True) or includes them again (`!`, False), in order.
    """
    rules = []
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        excluded = not line.startswith("!")
        pattern = line.removeprefix("!").strip().strip("/")
        pattern = pattern.removeprefix("./")
        if pattern and pattern != ".":
            rules.append((re.compile(expression(pattern)), excluded))
    return rules


def is_ignored(path: str, rules: Sequence[tuple[re.Pattern[str], bool]]) -> bool:
    """Return whether a path is excluded: the last rule that matches it or a parent folder wins."""
    ignored = False
    parts = path.split("/")
    candidates = ["/".join(parts[: index + 1]) for index in range(len(parts))]
    for pattern, excluded in rules:
        if any(pattern.fullmatch(candidate) for candidate in candidates):
            ignored = excluded
    return ignored


def expression(pattern: str) -> str:
    """Return the regular expression of a pattern: `**` matches `/`, `*` and `?` do not, `[...]` is a class."""
    result, index = "", 0
    while index < len(pattern):
        if pattern.startswith("**/", index):
            result, index = result + "(?:.*/)?", index + 3
        elif pattern.startswith("**", index):
            result, index = result + ".*", index + 2
        elif pattern[index] == "[" and "]" in pattern[index:]:
            end = pattern.index("]", index)
            result, index = result + pattern[index : end + 1].replace("[!", "[^"), end + 1
        else:
            wildcard = {"*": "[^/]*", "?": "[^/]"}.get(pattern[index])
            result, index = result + (wildcard or re.escape(pattern[index])), index + 1
    return result


def shown(path: str) -> str:
    """Return a path for a message of one line, whatever its bytes."""
    return path if path.isascii() and path.isprintable() else json.dumps(path)


def _entry(path: Path, relative: str) -> bytes:
    """Return a file's contribution to the hash: name (bytes of any encoding), kind and content hash, by NUL."""
    if path.is_symlink():
        kind, content = b"link", os.fsencode(path.readlink())
    else:
        kind, content = (b"run" if path.stat().st_mode & 0o100 else b"file"), path.read_bytes()
    return b"\0".join((os.fsencode(relative), kind, hashlib.sha256(content).digest()))
