"""`pulumi config set` and its like on a committed stack file: Pulumi's own edit, done whole or not at all."""

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
    """Return the sub-command in the arguments of `pulumi config`, "" where there is none."""
    words = iter(arguments)
    for word in words:
        if word in WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""


def refuse(arguments: list[str]) -> None:
    """Refuse what cannot be done to a committed file here.

    Args:
        arguments: those of `pulumi config`.

    Raises:
        UserError: with the remedy.
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
    """Let Pulumi edit a copy of a committed stack file, and put it in the file's place if all went well.

    Comments, order and quotes are kept by Pulumi, other white space here. No local cloud has to run.

    Args:
        source: the committed `Pulumi.<stack>.yaml`, beside `Pulumi.yaml`.
        stack: the stack's name.
        arguments: Pulumi's, from `config` on.
        environment: for Pulumi, without any setting of a backend.

    Returns:
        Pulumi's exit code; it has said what was wrong.

    Raises:
        UserError: there is no such file, or Pulumi takes no stack of that name.
        stack_file.StackFileError: the file is no stack file; it is not touched.
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
    """Hold a folder's lock: two edits at once are one after the other."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def spaced(before: str, edited: Path) -> str:
    """Return Pulumi's edit with the white space of the text before: its YAML writer has a style of its own.

    Blank lines, indentation and what stands before a comment stay, unless another document would come of it.
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
    """Return the new lines, where an old one differs by white space only the old one, and the old blank lines."""
    texts = ([" ".join(line.split()) for line in lines] for lines in (old, new))
    matched = SequenceMatcher(None, next(texts), next(texts), autojunk=False)
    indents: dict[str, str] = {}  # of the new lines: what it is in the old ones, by the last that both have
    lines: list[str] = []
    for kind, a, b, c, d in matched.get_opcodes():
        before, given = old[a:b], new[c:d]
        blank: list[str] = []
        while before and kind != "equal" and not before[-1].strip():
            blank.append(before.pop())  # stays below what is added
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
    """Return the white space that a line begins with."""
    return line[: len(line) - len(line.lstrip())]


def replace(path: Path, text: str) -> None:
    """Replace a file in one step, keeping its mode; a symbolic link stays one."""
    target = path.resolve()
    new = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        new.write_bytes(text.encode())
        shutil.copymode(target, new)
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)
