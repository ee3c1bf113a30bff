"""What the local GitHub tells the rest of the local cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ZEROS = "0" * 40
"""Git's name for no object: `before` of a ref that was created, `after` of one that was deleted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """One commit; dates are ISO 8601 in UTC with a Z."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    message: str
    author_name: str
    author_email: str
    author_date: str
    committer_name: str
    committer_email: str
    committer_date: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A push of one ref, or something that happened to a pull request."""

    kind: str
    """"push" or "pull_request"."""
    repository: str
    """"owner/name"."""
    ref: str
    """The ref pushed, in full: "refs/heads/x" or "refs/tags/x"; for a pull request its head branch."""
    before: str
    """What the ref was: 40 hexadecimal digits, zeros where it is new; for a pull request its head before the push, or
    zeros."""
    after: str
    """What the ref is: zeros where it is gone; an annotated tag's own object; for a pull request its head."""
    files: tuple[str, ...]
    """Paths that the push added, changed or removed, sorted; for a pull request those that it changes altogether."""
    payload: dict[str, Any]
    """The event as GitHub posts it to a webhook."""
    action: str = ""
    """Of a pull request: "opened", "synchronize", "edited", "closed", "reopened"."""
    number: int = 0
    """Of a pull request."""
    head_branch: str = ""
    """Of a pull request: the branch to be merged."""
    head_sha: str = ""
    """Of a pull request: its tip."""
    base_branch: str = ""
    """Of a pull request: the branch to merge into."""
