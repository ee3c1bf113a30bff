"""Commands such as `pulumi config set` on a committed stack file: Pulumi's own edit, applied atomically."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.settings import UserError
from tools.pulumi_local import stack_file

if TYPE_CHECKING:
    from collections.abc import Iterator

EDITS = {"set", "set-all", "rm", "remove", "delete", "rm-all", "remove-all", "delete-all"}
"""Sub-commands of `pulumi config` that change the stack file alone."""
REFUSED = {"cp", "copy", "refresh", "env"}
"""Those that read another stack's secrets, the state's configuration, or Pulumi Cloud."""
WITH_VALUE = {"-s", "--stack", "--color", "-v", "--verbose", "--tracing", "--profiling", "--memprofilerate"}
"""Options whose value may be the next word."""


def command(arguments: list[str]) -> str:
    """Return the sub-command in the arguments of `pulumi config`, "" if there is none."""
    words = iter(arguments)
    for word in words:
        if word in WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""


def refuse(arguments: list[str]) -> None:
    """Refuse commands that cannot be run on a committed stack file here.

    Args:
        arguments: the arguments of `pulumi config`.

    Raises:
        UserError: the command is refused; the message has the remedy.
    """
    name = command(arguments)
    if name in REFUSED:
        raise UserError(f"pulumi config {name} is not for the local cloud; edit Pulumi.<stack>.yaml, or use config set")
    if name in EDITS and any(word.split("=")[0] == "--secret" for word in arguments):
        raise UserError(
            "a secret encrypted on this machine could not be read on AWS, and the local cloud makes up the secrets "
            "it needs, so none has to be set here; for AWS run: pulumi config set --secret KEY -s STACK"
        )


def edit(source: Path, stack: str, arguments: list[str], environment: dict[str, str]) -> int:
    """Let Pulumi edit a copy of a committed stack file, and replace the file with it on success.

    Pulumi preserves comments, order and quotes; this function preserves other white space. No local cloud is needed.

    Args:
        source: the committed `Pulumi.<stack>.yaml`, beside `Pulumi.yaml`.
        stack: the stack's name.
        arguments: Pulumi's arguments, starting with `config`.
        environment: Pulumi's environment variables, without backend settings.

    Returns:
        Pulumi's exit code; it has printed any error.

    Raises:
        UserError: the file does not exist, or Pulumi rejects the stack's name.
        stack_file.StackFileError: the file is not a valid stack file; it is left unchanged.
    """
    with locked(source.parent), tempfile.TemporaryDirectory() as folder:
        try:
            stack_file.read(source)
        except FileNotFoundError as error:
            raise UserError(f"{source.name} does not exist in {source.parent}; name a stack that has a file") from error
        copy, empty = Path(folder) / "edited.yaml", Path(folder) / "state"
        shutil.copyfile(source, copy)
        shutil.copyfile(source.with_name("Pulumi.yaml"), Path(folder) / "Pulumi.yaml")
        empty.mkdir()
        own = environment | {"PULUMI_BACKEND_URL": empty.as_uri(), "PULUMI_CONFIG_PASSPHRASE": "unused"}
        init = ["pulumi", "stack", "init", stack, "--no-select", "--non-interactive"]
        made = subprocess.run(init, cwd=folder, env=own, check=False, capture_output=True, text=True)
        if made.returncode:
            raise UserError(" ".join(made.stderr.split()).removeprefix("error: "))
        done = subprocess.run(["pulumi", *arguments, "--config-file", str(copy)], cwd=folder, env=own, check=False)
        if done.returncode == 0:
            replace(source, spaced(source.read_bytes().decode(), copy))
        return done.returncode


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, so that concurrent edits are serialized."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def spaced(before: str, edited: Path) -> str:
    """Return Pulumi's edit with the white space of the original, since Pulumi's YAML writer reformats it.

    Blank lines, indentation and the space before comments are kept, unless that would change the document's content.
    """
    after = edited.read_text("utf-8")
    merged = edited.with_name("merged.yaml")
    merged.write_text("\n".join(merge(before.splitlines(), after.splitlines())) + "\n", "utf-8")
    try:
        kept = stack_file.read(merged) == stack_file.read(edited)
    except stack_file.StackFileError:
        kept = False
    return (merged if kept else edited).read_text("utf-8").replace("\n", "\r\n" if "\r\n" in before else "\n")


def merge(old: list[str], new: list[str]) -> list[str]:
    """Return the new lines with the old blank lines, and the old line wherever only white space differs."""
    texts = ([" ".join(line.split()) for line in lines] for lines in (old, new))
    matched = SequenceMatcher(None, next(texts), next(texts), autojunk=False)
    indents: dict[str, str] = {}  # new indentation to old, from the last line that both texts have
    lines: list[str] = []
    for kind, a, b, c, d in matched.get_opcodes():
        before, given = old[a:b], new[c:d]
        blank: list[str] = []
        while before and kind != "equal" and not before[-1].strip():
            blank.append(before.pop())  # stays below added lines
        for ours in before:
            theirs = given.pop(0) if given and (kind == "equal" or ours.strip()) else ""
            if theirs.strip():
                indents[indent(theirs)] = indent(ours)
            if kind == "equal" or not ours.strip():
                lines.append(ours)
            elif theirs:
                lines.append(indent(ours) + theirs.lstrip())
        lines += [indents.get(indent(line), indent(line)) + line.lstrip() for line in given] + blank
    return lines


def indent(line: str) -> str:
    """Return a line's leading white space."""
    return line[: len(line) - len(line.lstrip())]


def replace(path: Path, text: str) -> None:
    """Replace a file atomically, keeping its mode; a symbolic link is preserved."""
    target = path.resolve()
    new = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        new.write_bytes(text.encode())
        shutil.copymode(target, new)
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)
