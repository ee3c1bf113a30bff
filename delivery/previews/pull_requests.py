"""One comment on a pull request, at GitHub or what speaks its API: found by its marker, made once, then updated."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from delivery.errors import DeliveryError
from delivery.github import FORBIDDEN, REFUSED, UNKNOWN, Rest
from delivery.previews.comment_text import MARKER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from delivery.console import Say

ACTIONS = "github-actions[bot]"
"""Whom GitHub names as the author of what a workflow's own token writes; such a token may not ask who it is."""
REPOSITORY = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+")
PAGE = 100
MOST_PAGES = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class PullRequest:
    """A pull request, and the commit of it that was previewed."""

    repository: str
    number: int
    commit: str


def event_of(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the event that started a GitHub workflow; empty elsewhere."""
    path = environment.get("GITHUB_EVENT_PATH", "")
    try:
        found = json.loads(Path(path).read_bytes()) if path else {}
    except (OSError, ValueError) as error:
        raise DeliveryError(f"GITHUB_EVENT_PATH {path} cannot be read: {error}; it is for GitHub Actions") from error
    return found if isinstance(found, dict) else {}


def pull_request_of(
    environment: Mapping[str, str], *, repository: str = "", number: int = 0, commit: str = ""
) -> PullRequest | None:
    """Return the pull request that is meant: as given, else that of the workflow; None where there is none.

    Raises:
        DeliveryError: a part of it is missing or malformed.
    """
    head = (event_of(environment).get("pull_request") or {}).get("head") or {}
    of_ref = re.fullmatch(r"refs/pull/(\d+)/\w+", environment.get("GITHUB_REF", ""))
    number = number or (int(of_ref[1]) if of_ref else 0)
    if not number:
        return None
    repository = repository or environment.get("GITHUB_REPOSITORY", "")
    if not REPOSITORY.fullmatch(repository):
        raise DeliveryError(f"--repository is {repository!r}; name it as owner/name, or set GITHUB_REPOSITORY")
    commit = commit or str(head.get("sha") or "")
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise DeliveryError(f"--commit is {commit!r}; name the pull request's newest commit, 40 hexadecimal digits")
    return PullRequest(repository=repository, number=number, commit=commit)


class GitHub(Rest):
    """Pull requests and their comments in the REST API."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Take address and token from GITHUB_API_URL and GITHUB_TOKEN.

        Raises:
            DeliveryError: there is no token, or it would travel unprotected.
        """
        super().__init__("write pull requests' comments", environment)

    def login(self) -> str:
        """Return whom the token belongs to."""
        found = self.ask("GET", "/user", but=(FORBIDDEN, UNKNOWN, REFUSED))
        return str(found["login"]) if found else ACTIONS

    def head(self, pull: PullRequest) -> str:
        """Return the newest commit of a pull request."""
        return str(self.ask("GET", f"/repos/{pull.repository}/pulls/{pull.number}")["head"]["sha"])

    def comments(self, pull: PullRequest) -> list[dict[str, Any]]:
        """Return all comments on a pull request, oldest first."""
        at, found = f"/repos/{pull.repository}/issues/{pull.number}/comments?per_page={PAGE}", []
        for page in range(1, MOST_PAGES):
            part = self.ask("GET", f"{at}&page={page}")
            found += part
            if len(part) < PAGE:
                break
        return found

    def create(self, pull: PullRequest, body: str) -> str:
        """Write a new comment; returns its address."""
        made = self.ask("POST", f"/repos/{pull.repository}/issues/{pull.number}/comments", {"body": body})
        return str(made["html_url"])

    def update(self, pull: PullRequest, comment: int, body: str) -> str:
        """Change a comment; returns its address."""
        made = self.ask("PATCH", f"/repos/{pull.repository}/issues/comments/{comment}", {"body": body})
        return str(made["html_url"])

    def delete(self, pull: PullRequest, comment: int) -> None:
        """Remove a comment."""
        self.ask("DELETE", f"/repos/{pull.repository}/issues/comments/{comment}", but=(UNKNOWN,))


def keep(github: GitHub, pull: PullRequest, body: str, say: Say) -> None:
    """Make the comment of a pull request be this one, unless the pull request has a newer commit by now.

    Only what the token's owner or a workflow wrote is taken for it: anybody may write the marker.
    """
    newest = github.head(pull)
    if newest != pull.commit:
        say(f"#{pull.number} has {newest[:12]} by now: the comment is left to that commit's preview")
        return
    authors = {github.login(), ACTIONS}
    found = [
        one for one in github.comments(pull)
        if str(one.get("body") or "").startswith(MARKER) and (one.get("user") or {}).get("login") in authors
    ]  # fmt: skip
    url = github.update(pull, found[0]["id"], body) if found else github.create(pull, body)
    for surplus in found[1:]:
        github.delete(pull, surplus["id"])
    say(f"comment {'updated' if found else 'made'}: {url}")
