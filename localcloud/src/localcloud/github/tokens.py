"""Tokens with limited rights, as GitHub's fine-grained ones: the only ones that work from a container.

From this machine any other token may do everything.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Any

from localcloud.github import names
from localcloud.github.rest import UNPROCESSABLE, GitHubError, invalid
from localcloud.iam.callers import LIMITED
from localcloud.state.table import Table

if TYPE_CHECKING:
    from localcloud.context import Context

Doc = dict[str, Any]
RIGHTS = {"deployments": "deployments", "statuses": "statuses"}
"""The permission that a write needs, by the part of the path after the repository."""


class Tokens:
    """The tokens that were issued; only their digests are kept."""

    def __init__(self, ctx: Context) -> None:
        """Load them from the store."""
        self.table = Table(ctx.store, "github-tokens")

    def issue(self, asked: Doc) -> Doc:
        """Issue a token for a repository.

        Args:
            asked: `repository`, "owner/name", and `permissions`, "write" or "read" by topic.

        Raises:
            GitHubError: 422, the request is none of these.
        """
        repository, permissions = asked.get("repository"), asked.get("permissions")
        if not isinstance(repository, str) or repository.count("/") != 1 or names.problem(*repository.split("/")):
            raise invalid("Token", "repository", "repository has to be owner/name", "invalid")
        known = isinstance(permissions, dict) and set(permissions) <= set(RIGHTS.values())
        if not isinstance(permissions, dict) or not known or not set(permissions.values()) <= {"read", "write"}:
            text = f"permissions have to be read or write for {' and '.join(sorted(RIGHTS.values()))}"
            raise GitHubError(UNPROCESSABLE, text)
        token = LIMITED + secrets.token_hex(24)
        self.table.put(digest(token), {"repository": names.key_of(repository), "permissions": permissions})
        return {"token": token, "repository": repository, "permissions": permissions}

    def authorize(self, given: str, method: str, path: str, *, here: bool) -> None:
        """Require that a token may make a request; any that was not issued may, from this machine.

        Args:
            given: the header Authorization.
            method: the HTTP method.
            path: the path, below the API's root.
            here: whether the request comes from this machine.

        Raises:
            GitHubError: 401, the token is unknown; 404, it is for another repository; 403, it lacks the permission.
        """
        if method in ("GET", "HEAD"):
            return
        row = self.table.get(digest(given.partition(" ")[2].strip()))
        if row is None and here:
            return
        if row is None:
            raise GitHubError(401, "Bad credentials")
        parts = path.strip("/").split("/")
        if parts[0] != "repos" or names.key_of("/".join(parts[1:3])) != row["repository"]:
            raise GitHubError(404, "Not Found")
        if row["permissions"].get(RIGHTS.get("".join(parts[3:4]), "")) != "write":
            raise GitHubError(403, "Resource not accessible by personal access token")


def digest(token: str) -> str:
    """Return what a token is kept as."""
    return hashlib.sha256(token.encode()).hexdigest()
