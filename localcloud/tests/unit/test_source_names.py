"""A commit on its way through CodePipeline into a build's source folder: links, modes, names of any bytes."""

from __future__ import annotations

import io
import os
import shutil
import stat
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from localcloud.github import history
from localcloud.services.codebuild import archives
from localcloud.services.codebuild.buildspec import Files
from localcloud.services.codepipeline import sources

if TYPE_CHECKING:
    from pathlib import Path

NAMES = (b"plain", b"ma\xc3\xb1ana", b"ma\xf1ana", b"\xff\xfe", b"folder\\file", b"..\\out", b"fol\xe9der/a b", b".dot")
TARGETS = {b"near": b"plain", b"far": b"/etc/passwd", b"above": b"../../x", b"nowhere": b"\xe9"}


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """The source folder of a build of a commit with these names and links, and with an executable file."""
    root, git = tmp_path / "repository", shutil.which("git")
    assert git
    root.mkdir()
    for name in NAMES:
        place = root / os.fsdecode(name)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(name)
    for name, target in TARGETS.items():
        (root / os.fsdecode(name)).symlink_to(os.fsdecode(target))
    (root / "run").write_text("#!/bin/sh\n")
    (root / "run").chmod(0o755)
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "x"]):
        subprocess.run([git, *words], cwd=root, check=True)
    stored = sources.without_modes(history.archive(root / ".git", "HEAD"))
    (tmp_path / "source.zip").write_bytes(stored)
    archives.unpack(tmp_path / "source.zip", tmp_path / "build" / "src")
    return tmp_path / "build" / "src"


def found(root: Path) -> dict[bytes, bytes]:
    """Return the contents of all files by their names."""
    paths = (os.path.join(folder, name) for folder, _, names in os.walk(os.fsencode(root)) for name in names)  # noqa: PTH118  names are bytes
    contents = {}
    for path in paths:
        with open(path, "rb") as stream:  # noqa: PTH123  names are bytes
            contents[os.path.relpath(path, os.fsencode(root))] = stream.read()
    return contents


def test_names_have_the_bytes_that_were_committed(unpacked: Path) -> None:
    """Whatever their encoding; a backslash separates nothing."""
    contents = found(unpacked)
    assert {name: contents[name] for name in NAMES if name in contents} == {name: name for name in NAMES}
    assert set(contents) == {*NAMES, *TARGETS, b"run"}


def test_a_link_is_a_file_that_contains_its_target(unpacked: Path) -> None:
    """As on AWS; an absolute one, or one that leads out of the repository, prevents no download."""
    contents = found(unpacked)
    assert {name: contents[name] for name in TARGETS} == TARGETS
    assert not [path for path in unpacked.rglob("*") if path.is_symlink()]


def test_no_file_of_a_release_is_executable(unpacked: Path) -> None:
    """CodePipeline does not preserve modes, so that a release that needs them must fail here too."""
    modes = {stat.S_IMODE(path.stat().st_mode) for path in unpacked.rglob("*") if path.is_file()}
    assert modes == {0o644}


def test_an_artifact_has_the_names_of_its_files(unpacked: Path, tmp_path: Path) -> None:
    """So the next build gets them too."""
    archives.pack(archives.matching(unpacked, Files(files=("**/*",))), tmp_path / "out.zip", symlinks=True)
    assert archives.unpack(tmp_path / "out.zip", tmp_path / "next" / "src") == len([*NAMES, *TARGETS, "run"])
    assert found(tmp_path / "next" / "src") == found(unpacked)


def test_an_absolute_link_of_a_zip_file_is_a_link(tmp_path: Path) -> None:
    """In a zip file that keeps links; only the build's container follows it."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/opt/tools")
    (tmp_path / "in.zip").write_bytes(data.getvalue())
    archives.unpack(tmp_path / "in.zip", tmp_path / "src")
    assert os.readlink(tmp_path / "src" / "link") == "/opt/tools"  # noqa: PTH115  as it is written
