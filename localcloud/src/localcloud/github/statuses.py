"""Commit statuses."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from localcloud.github import history, names
from localcloud.github.history import iso
from localcloud.github.rest import UNPROCESSABLE, Call, GitHubError, Reply, Route, invalid
from localcloud.state.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.context import Context
    from localcloud.github.repositories import Repositories
    from localcloud.github.views import Views

Doc = dict[str, Any]
STATES = ("error", "failure", "pending", "success")
LONGEST = 140
MOST = 1000
"""GitHub's limit of statuses for one commit and context."""
AT = "/repos/{owner}/{repo}"


class Statuses:
    """The statuses of all commits, with their routes."""

    def __init__(
        self, ctx: Context, repositories: Repositories, views: Views, post: Callable[[Doc, str, Doc], None]
    ) -> None:
        """Load the statuses from the store; `post` sends an event (repository, name, payload) to webhooks."""
        self._repositories, self._views, self._post = repositories, views, post
        self.table = Table(ctx.store, "github-statuses")

    def routes(self) -> list[Route]:
        """Return the routes of statuses; they must precede those of commits, whose patterns also match them."""
        return [
            Route("POST", f"{AT}/statuses/{{sha}}", self.create),
            Route("GET", f"{AT}/statuses/{{ref}}", self.show_all),
            Route("GET", f"{AT}/commits/{{ref}}/statuses", self.show_all),
            Route("GET", f"{AT}/commits/{{ref}}/status", self.show_combined),
        ]

    async def create(self, call: Call) -> Reply:
        """Create a status."""
        fields = {name: call.text("Status", name, "") for name in ("description", "target_url")}
        state, context = call.text("Status", "state"), call.text("Status", "context", "default")
        sha = call.parts["sha"]
        return Reply(
            201,
            await asyncio.to_thread(
                self.add, call.repository, sha, state=state, context=context, login=call.login, **fields
            ),
        )

    def add(  # noqa: PLR0913 - the fields of a status
        self, doc: Doc, sha: str, *, state: str, context: str, description: str, target_url: str, login: str
    ) -> Doc:
        """Create a status and return it as the API does; thread-safe, blocks.

        Raises:
            GitHubError: the commit or state is unknown, the description too long, or there are too many statuses.
        """
        if state not in STATES:
            raise invalid("Status", "state", f"state has to be one of {', '.join(STATES)}", "invalid")
        if len(description) > LONGEST:
            raise invalid("Status", "description", f"description is too long (maximum is {LONGEST} characters)")
        if not names.SHA.fullmatch(sha) or history.resolve(self._repositories.folder(doc), sha) != sha:
            raise GitHubError(UNPROCESSABLE, f"No commit found for SHA: {sha[:60]}")
        if sum(one["context"] == context for one in self.of(doc, sha)) >= MOST:
            raise invalid("Status", "context", f"This SHA and context has reached the maximum of {MOST} statuses")
        now = iso(time.time())
        status = {
            "id": self._repositories.next_id(), "repository": names.key_of(doc["full_name"]), "sha": sha,
            "state": state, "context": context, "description": description or None, "target_url": target_url or None,
            "creator": login, "created_at": now, "updated_at": now,
        }  # fmt: skip
        self.table.put(f"{status['id']:015}", status)
        self._post(doc, "status", {
            **{name: status[name] for name in ("id", "sha", "state", "context", "description", "target_url")},
            "name": doc["full_name"], "created_at": now, "updated_at": now, "sender": self._views.user(login),
            "repository": self._views.repository(doc),
        })  # fmt: skip
        return self.view(doc, status)

    def of(self, doc: Doc, sha: str) -> list[Doc]:
        """Return a commit's statuses, newest first."""
        key = names.key_of(doc["full_name"])
        return [one for one in reversed(self.table.values()) if one["repository"] == key and one["sha"] == sha]

    async def _sha(self, call: Call) -> str:
        folder, ref = self._repositories.folder(call.repository), call.parts["ref"]
        sha = await asyncio.to_thread(history.resolve, folder, ref)
        if sha is None:
            raise GitHubError(404, f"Not Found: no commit {ref[:80]}")
        return sha

    async def show_all(self, call: Call) -> list[Doc]:
        """List a commit's statuses, newest first."""
        sha = await self._sha(call)
        return [self.view(call.repository, one) for one in self.of(call.repository, sha)]

    async def show_combined(self, call: Call) -> Doc:
        """Show the newest status of each context and the combined state."""
        doc, sha = call.repository, await self._sha(call)
        newest: dict[str, Doc] = {}
        for one in self.of(doc, sha):
            newest.setdefault(one["context"], one)
        states = {one["state"] for one in newest.values()}
        failed = states & {"error", "failure"}
        state = "failure" if failed else "success" if states == {"success"} else "pending"
        url = f"{self._views.repository_url(doc)}/commits/{sha}"
        return {
            "state": state, "sha": sha, "total_count": len(newest), "url": f"{url}/status", "commit_url": url,
            "statuses": [self.view(doc, one) for one in newest.values()], "repository": self._views.repository(doc),
        }  # fmt: skip

    def view(self, doc: Doc, status: Doc) -> Doc:
        """Render a status as the API returns it."""
        kept = ("id", "state", "context", "description", "target_url", "created_at", "updated_at")
        return {
            **{name: status[name] for name in kept}, "node_id": f"SC_{status['id']}", "avatar_url": "",
            "url": f"{self._views.repository_url(doc)}/statuses/{status['sha']}",
            "creator": self._views.user(status["creator"]),
        }  # fmt: skip
