"""The events that the local GitHub sends to other services, and the commit that they refer to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ZEROS = "0" * 40
"""Git's null object id: `before` of a created ref, `after` of a deleted one."""


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
    """A push to one ref, or an action on a pull request."""

    kind: str
    """"push" or "pull_request"."""
    repository: str
    """"owner/name"."""
    ref: str
    """The full name of the pushed ref: "refs/heads/x" or "refs/tags/x"; for a pull request its head branch."""
    before: str
    """The ref's previous object id, zeros if the ref is new; for a pull request its head before the push, or zeros."""
    after: str
    """The ref's new object id, zeros if it was deleted; for an annotated tag the tag object's; for a pull request its
    head."""
    files: tuple[str, ...]
    """Sorted paths that the push added, changed or removed; for a pull request those of its whole diff."""
    payload: dict[str, Any]
    """The payload that GitHub posts to a webhook."""
    action: str = ""
    """The action on a pull request: "opened", "synchronize", "edited", "closed" or "reopened"."""
    number: int = 0
    """The pull request's number."""
    head_branch: str = ""
    """The pull request's head branch."""
    head_sha: str = ""
    """The pull request's head commit."""
    base_branch: str = ""
    """The pull request's base branch."""
