"""The contents of a bare repository: refs, commits, changed files, archives. Every function runs git and blocks."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from localcloud.github import git
from localcloud.github.events import ZEROS, Commit
from localcloud.github.names import SHA, is_ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

FORMAT = "%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B%x00"
FIELDS = 10
LAST_SECOND = 253402300799
SHOWN = ("refs/heads/", "refs/tags/")
"""The refs with events, as on GitHub; pushes to others have none."""


@dataclass(frozen=True, slots=True)
class Change:
    """A commit with its changed files against the first parent; a rename is a removed and an added file."""

    commit: Commit
    added: tuple[str, ...]
    removed: tuple[str, ...]
    modified: tuple[str, ...]


def iso(seconds: float) -> str:
    """Return a Unix time in GitHub's format, capped at the year 9999: a commit's date is arbitrary."""
    return datetime.fromtimestamp(min(seconds, LAST_SECOND), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def refs(folder: Path) -> dict[str, str]:
    """Return the object ids of all branches and tags; of an annotated tag that of the tag object."""
    lines = git.text(folder, "for-each-ref", "--format=%(objectname) %(refname)", *SHOWN).split("\n")  # LF only
    return {name: sha for sha, _, name in (line.partition(" ") for line in lines if line)}


def resolve(folder: Path, ref: str) -> str | None:
    """Resolve a branch, tag, full ref or full sha to a commit's sha, or None."""
    if SHA.fullmatch(ref):
        candidates = [ref]
    elif not is_ref(ref):
        return None
    elif ref == "HEAD" or ref.startswith("refs/"):
        candidates = [ref]
    else:
        candidates = [f"refs/heads/{ref}", f"refs/tags/{ref}", f"refs/{ref}"]
    for candidate in candidates:
        try:
            return git.text(folder, "rev-parse", "--verify", "--quiet", f"{candidate}^{{commit}}").strip()
        except git.GitError:
            continue
    return None


def commit(folder: Path, ref: str) -> Commit | None:
    """Return the commit of a branch, tag, full ref or full sha, or None."""
    sha = resolve(folder, ref)
    return log(folder, ["-1", sha])[0].commit if sha else None


def log(folder: Path, arguments: Sequence[str], without: Iterable[str] = ()) -> list[Change]:
    """Return the commits that `git log` lists.

    Args:
        folder: the repository.
        arguments: options and revisions; revisions must be shas, never unvalidated input.
        without: commits to exclude, with their ancestors.

    Raises:
        git.GitError: a revision does not exist.
    """
    mark = secrets.token_hex(16)
    options = ["--root", "--name-status", "--no-renames", "--diff-merges=first-parent", "-z", "--stdin"]
    excluded = "".join(f"^{sha}\n" for sha in without).encode()
    out = git.text(folder, "log", f"--format={mark}{FORMAT}", *options, *arguments, stdin=excluded)
    return [_change(part) for part in out.split(mark)[1:]]


def _change(text: str) -> Change:
    """Parse one commit of the output of `git log`."""
    parts = text.split("\0", FIELDS)
    sha, tree, parents, author, mail, at, committer, committer_mail, committed, message = parts[:FIELDS]
    found = Commit(
        sha=sha, tree=tree, parents=tuple(parents.split()), message=message.rstrip("\n"),
        author_name=author, author_email=mail, author_date=iso(int(at or 0)),
        committer_name=committer, committer_email=committer_mail, committer_date=iso(int(committed or 0)),
    )  # fmt: skip
    words = parts[FIELDS].lstrip("\0\n").rstrip("\0").split("\0")
    files: dict[str, list[str]] = {"A": [], "D": [], "M": []}
    for status, path in zip(words[::2], words[1::2], strict=False):
        files.get(status.strip(), files["M"]).append(path)
    return Change(found, tuple(files["A"]), tuple(files["D"]), tuple(files["M"]))


def new_commits(folder: Path, tip: str, known: Iterable[str]) -> set[str]:
    """Return the shas of the commits reachable from a tip and from none of the known tips."""
    excluded = "".join(f"^{sha}\n" for sha in known).encode()
    return set(git.text(folder, "rev-list", "--stdin", tip, stdin=excluded).split())


def changed(folder: Path, before: str, after: str) -> tuple[str, ...]:
    """Return the paths that differ between two commits, sorted."""
    out = git.text(folder, "diff-tree", "-r", "-z", "--name-only", "--no-renames", before, after)
    return tuple(sorted(path for path in out.split("\0") if path))


def merge_base(folder: Path, one: str, other: str) -> str | None:
    """Return the best common ancestor of two commits, or None."""
    try:
        return git.text(folder, "merge-base", one, other).strip()
    except git.GitError:
        return None


def is_ancestor(folder: Path, older: str, newer: str) -> bool:
    """Tell whether a commit is another's ancestor or the same commit."""
    try:
        git.run(folder, "merge-base", "--is-ancestor", older, newer)
    except git.GitError:
        return False
    return True


def set_ref(folder: Path, ref: str, sha: str, before: str | None = None) -> None:
    """Update a ref, or delete it if sha is zeros.

    Args:
        folder: the repository.
        ref: the ref's full name.
        sha: the new object id.
        before: the expected previous object id; zeros: the ref must not exist; None: no check.

    Raises:
        git.GitError: the previous object id differs, or the new object does not exist.
    """
    if sha == ZEROS:
        git.run(folder, "update-ref", "-d", ref, *([before] if before else []))
    else:
        git.run(folder, "update-ref", ref, sha, *([before] if before else []))


def archive(folder: Path, sha: str) -> bytes:
    """Return a commit's files as a ZIP archive without a top-level folder: modes, symbolic links, exact contents.

    The repository's info/attributes disable the export attributes of .gitattributes.

    Raises:
        git.GitError: the commit does not exist.
    """
    return git.run(folder, "archive", "--format=zip", sha)
