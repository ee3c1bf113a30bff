"""One comment on a pull request, at GitHub or what speaks its API: found by its marker, made once, then updated."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3

from delivery.errors import DeliveryError
from delivery.previews.comment_text import MARKER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from delivery.console import Say

ACTIONS = "github-actions[bot]"
"""Whom GitHub names as the author of what a workflow's own token writes; such a token may not ask who it is."""
REPOSITORY = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+")
PAGE = 100
MOST_PAGES = 100
OK, REFUSED, FORBIDDEN, UNKNOWN = 400, 401, 403, 404
RETRIES = urllib3.Retry(
    total=4, connect=2, redirect=0, backoff_factor=0.5, status_forcelist=(429, 502, 503, 504), raise_on_status=False,
    allowed_methods=("GET", "PATCH", "DELETE"),
)  # fmt: skip
TIMEOUT = urllib3.Timeout(connect=10, read=30)


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


class GitHub:
    """The REST API."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Take address and token from GITHUB_API_URL and GITHUB_TOKEN.

        Raises:
            DeliveryError: there is no token, or it would travel unprotected.
        """
        self._url = environment.get("GITHUB_API_URL", "").rstrip("/") or "https://api.github.com"
        token = environment.get("GITHUB_TOKEN", "")
        if not token:
            raise DeliveryError("GITHUB_TOKEN is not set; it has to be a token that may write pull requests' comments")
        parts = urlsplit(self._url)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise DeliveryError(f"GITHUB_API_URL is {self._url}; a token goes over https only: correct it")
        self._pool = urllib3.PoolManager(
            retries=RETRIES,
            timeout=TIMEOUT,
            headers={
                "Authorization": f"Bearer {token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
                "User-Agent": "slipway-delivery",
            },
        )

    def login(self) -> str:
        """Return whom the token belongs to."""
        found = self._ask("GET", "/user", but=(FORBIDDEN, UNKNOWN, REFUSED))
        return str(found["login"]) if found else ACTIONS

    def head(self, pull: PullRequest) -> str:
        """Return the newest commit of a pull request."""
        return str(self._ask("GET", f"/repos/{pull.repository}/pulls/{pull.number}")["head"]["sha"])

    def comments(self, pull: PullRequest) -> list[dict[str, Any]]:
        """Return all comments on a pull request, oldest first."""
        at, found = f"/repos/{pull.repository}/issues/{pull.number}/comments?per_page={PAGE}", []
        for page in range(1, MOST_PAGES):
            part = self._ask("GET", f"{at}&page={page}")
            found += part
            if len(part) < PAGE:
                break
        return found

    def create(self, pull: PullRequest, body: str) -> str:
        """Write a new comment; returns its address."""
        made = self._ask("POST", f"/repos/{pull.repository}/issues/{pull.number}/comments", {"body": body})
        return str(made["html_url"])

    def update(self, pull: PullRequest, comment: int, body: str) -> str:
        """Change a comment; returns its address."""
        made = self._ask("PATCH", f"/repos/{pull.repository}/issues/comments/{comment}", {"body": body})
        return str(made["html_url"])

    def delete(self, pull: PullRequest, comment: int) -> None:
        """Remove a comment."""
        self._ask("DELETE", f"/repos/{pull.repository}/issues/comments/{comment}", but=(UNKNOWN,))

    def _ask(self, method: str, path: str, sent: object = None, but: tuple[int, ...] = ()) -> Any:  # noqa: ANN401 - JSON
        """Return the answer to a request; None where its status is one of `but`, or it has no body."""
        try:
            answer = self._pool.request(method, self._url + path, json=sent)
        except urllib3.exceptions.HTTPError as error:
            raise DeliveryError(f"{method} {self._url}{path} failed: {error}; is it reachable from here?") from error
        if answer.status in but:
            return None
        if answer.status >= OK:
            told = " ".join(answer.data[:300].decode("utf-8", "replace").split())
            denied = answer.status in (REFUSED, FORBIDDEN, UNKNOWN)
            remedy = "the token needs the right to write pull requests" if denied else "try again"
            raise DeliveryError(f"GitHub answered {answer.status} to {method} {path.split('?')[0]}: {told}; {remedy}")
        try:
            return json.loads(answer.data) if answer.data else None
        except ValueError as error:
            raise DeliveryError(f"{self._url} answered {method} {path} with no JSON; check GITHUB_API_URL") from error


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
