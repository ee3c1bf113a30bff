"""The content hash of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra import build_context

if TYPE_CHECKING:
    from pathlib import Path


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
