"""One commit, two images: the first one's build context and the pipeline's have the same files."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from delivery.release import file_modes
from infra import build_context
from infra.config import source_archive
from localcloud.github import history
from localcloud.services.codebuild import archives
from localcloud.services.codepipeline import sources

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILES = {
    "Dockerfile": b"FROM scratch\n",
    "buildw": b"#!/bin/sh\n",
    "bin/compiled": b"\x7fELF\x02",
    "bin/entry point": b"#!/usr/bin/env -S node --flag\r\n",
    ".config": b"dot\n",
    ".hidden/.keep": b"",
    "src/app.py": b"print()\n",
    "src/crlf.txt": b"a\r\nb\n",
    "src/\udcf1\\x": b"odd\n",
}
PROGRAMS = ("buildw", "bin/compiled", "bin/entry point")
Context = dict[str, tuple[bool, bytes]]


def committed(root: Path, files: Mapping[str, bytes], programs: tuple[str, ...]) -> None:
    """Commit a build context `app` with a link."""
    for name, content in files.items():
        (root / "app" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "app" / name).write_bytes(content)
        (root / "app" / name).chmod(0o755 if name in programs else 0o644)
    (root / "app/link").symlink_to("buildw")
    git, who = shutil.which("git"), ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    assert git
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "x"]):
        subprocess.run([git, *words], cwd=root, check=True)


def sent(context: Path) -> Context:
    """Return what Docker gets of a context, links aside: whether a file is executable, and its content, by path."""
    paths = {name: context / name for name in build_context.context_files(context)}
    return {
        name: (bool(path.stat().st_mode & 0o111), path.read_bytes())
        for name, path in paths.items()
        if not path.is_symlink()
    }


def first(root: Path, umask: int) -> Context:
    """Return the context of the first image, built from a clone that was made with a umask."""
    clone = root.with_name("clone")
    subprocess.run(["git", "clone", "-q", root, clone], check=True, umask=umask)
    return sent(build_context.with_fixed_modes(clone / "app", "Dockerfile"))


def released(root: Path) -> Context:
    """Return the context of the pipeline's build: of the source archive, with the modes that a build sets."""
    folder = root.with_name("build")
    folder.mkdir()
    (folder / "source.zip").write_bytes(sources.without_modes(history.archive(root / ".git", "HEAD")))
    archives.unpack(folder / "source.zip", folder / "src")
    assert not [path for path in (folder / "src/app").rglob("*") if path.is_file() and os.access(path, os.X_OK)]
    file_modes.settle(folder / "src/app")
    return sent(folder / "src/app")


@pytest.mark.parametrize("umask", [0o022, 0o077], ids=oct)
def test_the_first_image_and_the_pipelines_are_built_from_the_same_files(tmp_path: Path, umask: int) -> None:
    """Paths, executable bits as git has them, and contents; whatever the checkout's umask."""
    root = tmp_path / "repository"
    files = FILES | {".dockerignore": b"link\n"}
    committed(root, files, PROGRAMS)
    built = first(root, umask)
    assert built == {name: (name in PROGRAMS, content) for name, content in files.items()}
    assert released(root) == built


def test_a_bit_that_the_content_does_not_show_is_in_neither_image(tmp_path: Path) -> None:
    """The archive has no bits: what docs/application.md says of executable files of other kinds."""
    root = tmp_path / "repository"
    files = {"Dockerfile": b"FROM scratch\n", "tool.pyz": b"PK\3\4", "run": b"echo\n", "lib.sh": b"#!/bin/sh\n"}
    committed(root, files | {".dockerignore": b"link\n"}, ("tool.pyz", "run"))
    built = first(root, 0o022)
    assert [name for name, (executable, _) in built.items() if executable] == ["lib.sh"]
    assert released(root) == built


def test_a_link_in_which_they_would_differ_is_refused(tmp_path: Path) -> None:
    """A link in one and a text file in the other."""
    root = tmp_path / "repository"
    committed(root, FILES, PROGRAMS)
    assert set(released(root)) - set(first(root, 0o022)) == {"link"}
    reason = source_archive.problem(root, root / "app", list(build_context.context_files(root / "app")))
    assert (reason or "").startswith("app/link is a symbolic link, ")
