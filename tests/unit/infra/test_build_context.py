"""The content hash of an image."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pulumi
import pytest

from infra import build_context
from infra.config.environment import Service
from infra.environment import first_image


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A small build context."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text("print()")
    (tmp_path / "Dockerfile").write_text("FROM scratch")
    (tmp_path / "notes.md").write_text("notes")
    (tmp_path / ".dockerignore").write_text("*.md\n")
    return tmp_path


def of(context: Path, **changes: object) -> str:
    """Hash a context with the usual arguments, but for these changes."""
    usual: dict[str, object] = {
        "dockerfile": "Dockerfile",
        "target": "release",
        "platform": "linux/amd64",
        "build_args": {"A": "1"},
    }
    return build_context.image_hash(context, **{**usual, **changes})  # type: ignore[arg-type]


def test_the_same_content_elsewhere_has_the_same_hash(context: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The folder's name and the files' times do not count."""
    copy = tmp_path_factory.mktemp("copy")
    for path in context.rglob("*"):
        if path.is_file():
            (copy / path.relative_to(context)).parent.mkdir(exist_ok=True)
            (copy / path.relative_to(context)).write_bytes(path.read_bytes())
    assert of(copy) == of(context)


@pytest.mark.parametrize(
    "changes",
    [{"target": "test"}, {"platform": "linux/arm64"}, {"build_args": {"A": "2"}}, {"build_args": {}}],
)
def test_what_goes_into_the_build_changes_the_hash(context: Path, changes: dict[str, object]) -> None:
    """Target, platform and arguments count."""
    assert of(context, **changes) != of(context)


def test_a_changed_file_changes_the_hash(context: Path) -> None:
    """Its content counts, its executable bit and its name."""
    hashes = {of(context)}
    (context / "src" / "app.py").write_text("print(1)")
    hashes.add(of(context))
    (context / "src" / "app.py").chmod(0o755)
    hashes.add(of(context))
    (context / "src" / "app.py").rename(context / "src" / "main.py")
    hashes.add(of(context))
    assert len(hashes) == 4


def test_an_ignored_file_does_not_change_the_hash(context: Path) -> None:
    """Docker would not send it."""
    before = of(context)
    (context / "notes.md").write_text("other notes")
    assert of(context) == before


def test_the_dockerfile_counts_even_where_it_is_ignored(context: Path) -> None:
    """Docker reads it all the same."""
    (context / ".dockerignore").write_text("Dockerfile\n")
    before = of(context)
    (context / "Dockerfile").write_text("FROM scratch\nUSER 1")
    assert of(context) != before


@pytest.mark.parametrize(
    ("rules", "path", "ignored"),
    [
        ("*.md", "a.md", True),
        ("*.md", "docs/a.md", False),
        ("**/*.md", "docs/deep/a.md", True),
        ("**/*.md", "a.md", True),
        ("docs", "docs/a.md", True),
        ("/docs/", "docs/a.md", True),
        ("*\n!src", "src/app.py", False),
        ("*\n!src\nsrc/secret*", "src/secret.py", True),
        ("# docs\n\ndocs", "docs/a.md", True),
        ("a?c", "abc", True),
        ("[!a]bc", "abc", False),
        ("**/__pycache__", "src/x/__pycache__/y.pyc", True),
        ("src/**", "src/a/b", True),
        (".git", ".gitignore", False),
    ],
)
def test_ignore_rules_mean_what_they_mean_to_docker(rules: str, path: str, *, ignored: bool) -> None:
    """Cases from Docker's documentation of .dockerignore."""
    assert build_context.is_ignored(path, build_context.ignore_rules(rules)) is ignored


def test_a_link_counts_by_where_it_leads(context: Path) -> None:
    """It is sent as a link, so the file behind it does not count twice."""
    (context / "link").symlink_to("src/app.py")
    before = of(context)
    (context / "link").unlink()
    (context / "link").symlink_to("Dockerfile")
    assert of(context) != before


@pytest.mark.parametrize("name", ["a\\b", "ma\udcf1ana", "folder\\c/\udcff", "ma\u00f1ana", "a\nb"])
def test_a_name_of_any_bytes_is_hashed_and_copied(context: Path, name: str) -> None:
    """Git and Docker take it too."""
    before = of(context)
    (context / name).parent.mkdir(exist_ok=True)
    (context / name).write_bytes(b"x")
    (context / name).chmod(0o600)
    (context / f"{name}.link").symlink_to(name)
    hashes = {before, of(context)}
    (context / name).write_bytes(b"y")
    assert len(hashes | {of(context)}) == 3
    copy = build_context.with_fixed_modes(context, "Dockerfile")
    assert copy != context
    assert (copy / name).read_bytes() == b"y"


def section(context: Path) -> Service:
    """Return a service with this context, which is an absolute path here."""
    return Service.model_construct(context=str(context), dockerfile="Dockerfile", target="", build_args={})


def refused(monkeypatch: pytest.MonkeyPatch, context: Path, path: Path) -> str:
    """Return the error of `pulumi up` if a file or folder cannot be read: this may be root, who can."""

    def no(*_: object) -> NoReturn:
        raise PermissionError(13, "Permission denied", str(path))

    read, scan = Path.read_bytes, os.scandir
    monkeypatch.setattr(Path, "read_bytes", lambda self: no() if self == path else read(self))
    monkeypatch.setattr(os, "scandir", lambda folder: no() if Path(folder) == path else scan(folder))
    with pytest.raises(pulumi.RunError) as caught:
        first_image._source("web", section(context))
    message = str(caught.value)
    assert message.isascii(), ascii(message)
    return message


def test_a_file_that_cannot_be_read_is_one_line_with_its_name(monkeypatch: pytest.MonkeyPatch, context: Path) -> None:
    """A name of any bytes is escaped, since no stream takes it."""
    (context / "se\udcf1or").write_text("x")
    assert refused(monkeypatch, context, context / "se\udcf1or") == (
        f'"{context}/se\\udcf1or", in the build context of service web, cannot be read (Permission denied); correct '
        f"its owner or mode, or add it to {context}/.dockerignore"
    )


def test_a_folder_that_cannot_be_read_is_not_left_out(monkeypatch: pytest.MonkeyPatch, context: Path) -> None:
    """The image would lack its files."""
    message = refused(monkeypatch, context, context / "src")
    assert message.startswith(f"{context}/src, in the build context of service web, cannot be read (Permission denied)")


def test_a_folder_that_is_ignored_need_not_be_readable(monkeypatch: pytest.MonkeyPatch, context: Path) -> None:
    """Docker does not read it either, so it changes nothing."""
    (context / "data.md").mkdir()
    before = of(context)
    with pytest.raises(pytest.fail.Exception):
        refused(monkeypatch, context, context / "data.md")
    assert of(context) == before
