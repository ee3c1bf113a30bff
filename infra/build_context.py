"""The build context of an image: its files, the hash of their content, and their modes."""

from __future__ import annotations

import atexit
import hashlib
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from contract import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HASH_LENGTH = 12
ROOT = Path(__file__).resolve().parent.parent
"""The folder of Pulumi.yaml, which contexts are relative to."""


def image_hash(context: Path, *, dockerfile: str, target: str, platform: str, build_args: Mapping[str, str]) -> str:
    """Hash everything that goes into an image build: the files Docker would send, and the arguments.

    Args:
        context: the build context's folder; its `.dockerignore` is honoured.
        dockerfile: the Dockerfile's path inside the context, hashed even where it is ignored (Docker reads it).
        target: the stage to build.
        platform: such as `linux/amd64`.
        build_args: the build's arguments.

    Returns:
        Twelve hexadecimal digits. File times and owners do not count, the executable bit does.
    """
    digest = hashlib.sha256()
    for part in (dockerfile, target, platform, *(f"{key}={value}" for key, value in sorted(build_args.items()))):
        digest.update(part.encode() + b"\0")
    for path in sorted({*context_files(context), dockerfile}):
        digest.update(_entry(context / path, path))
    return digest.hexdigest()[:HASH_LENGTH]


def context_files(context: Path) -> Iterator[str]:
    """Yield the paths, relative and with `/`, of the files that Docker would send for this context."""
    ignore = context / ".dockerignore"
    rules = ignore_rules(ignore.read_text("utf-8")) if ignore.is_file() else []
    for path in sorted(context.rglob("*")):
        relative = path.relative_to(context).as_posix()
        if (path.is_file() or path.is_symlink()) and not is_ignored(relative, rules):
            yield relative


def with_fixed_modes(context: Path, dockerfile: str) -> Path:
    """Return a folder to build from whose modes do not depend on the checkout.

    Builds of the pipeline set the same modes in place (`contract.files`).

    Args:
        context: the build context's folder, which is left as it is.
        dockerfile: the Dockerfile's path inside the context.

    Returns:
        The context itself where all its modes are right, else a copy that is removed when this process ends.
    """
    sent = {*context_files(context), dockerfile}
    folders = {parent for name in sent for parent in (context / name).parents if parent.is_relative_to(context)}
    modes = {context / name: files.mode_of(context / name) for name in sent if not (context / name).is_symlink()}
    modes |= dict.fromkeys(folders, files.FOLDER_MODE)
    if all(path.stat().st_mode & 0o777 == mode for path, mode in modes.items()):
        return context
    copy = Path(tempfile.mkdtemp(prefix="slipway-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    ignore = {".dockerignore"} if (context / ".dockerignore").is_file() else set()
    for name in sent | ignore:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(context / name, copy / name, follow_symlinks=False)
    for path, mode in modes.items():
        (copy / path.relative_to(context)).chmod(mode)
    return copy


def ignore_rules(text: str) -> list[tuple[re.Pattern[str], bool]]:
    """Read a `.dockerignore` (Docker's documentation, "Dockerignore files").

    Returns:
        Pairs of a pattern and whether it takes files out (True) or back in (`!`, False), in the file's order.
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
            rules.append((re.compile(_expression(pattern)), excluded))
    return rules


def is_ignored(path: str, rules: Sequence[tuple[re.Pattern[str], bool]]) -> bool:
    """Decide as Docker does: the last rule that matches the path, or a folder above it, wins."""
    ignored = False
    parts = path.split("/")
    candidates = ["/".join(parts[: index + 1]) for index in range(len(parts))]
    for pattern, excluded in rules:
        if any(pattern.fullmatch(candidate) for candidate in candidates):
            ignored = excluded
    return ignored


def _expression(pattern: str) -> str:
    """Translate one pattern: `**` crosses folders, `*` and `?` do not, `[...]` is a class."""
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
            one = {"*": "[^/]*", "?": "[^/]"}.get(pattern[index])
            result, index = result + (one or re.escape(pattern[index])), index + 1
    return result


def _entry(path: Path, relative: str) -> bytes:
    """Return one file's part of the hash: name, kind and content, so that no two trees look alike."""
    if path.is_symlink():
        kind, content = b"link", str(path.readlink()).encode()
    else:
        kind, content = (b"run" if path.stat().st_mode & 0o100 else b"file"), path.read_bytes()
    return b"\0".join((relative.encode(), kind, hashlib.sha256(content).digest()))
