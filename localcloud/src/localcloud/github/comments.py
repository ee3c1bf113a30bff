"""Comments on pull requests (on GitHub every pull request is also an issue)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from localcloud.github import names
from localcloud.github.history import iso
from localcloud.github.rest import Call, GitHubError, Reply, Route, invalid
from localcloud.state.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.context import Context
    from localcloud.github.pulls import Pulls
    from localcloud.github.repositories import Repositories
    from localcloud.github.views import Views

Doc = dict[str, Any]
LONGEST = 65536
AT = "/repos/{owner}/{repo}/issues"


class Comments:
    """The comments of all pull requests, with their routes."""

    def __init__(
        self,
        ctx: Context,
        repositories: Repositories,
        pulls: Pulls,
        views: Views,
        post: Callable[[Doc, str, Doc], None],
    ) -> None:
        """Load the comments from the store; `post` sends an event (repository, name, payload) to webhooks."""
        self._repositories, self._pulls, self._views, self._post = repositories, pulls, views, post
        self.table = Table(ctx.store, "github-comments")

    def routes(self) -> list[Route]:
        """Return the routes of comments."""
        return [
            Route("GET", f"{AT}/comments", lambda call: [self.view(call, one) for one in self.of(call.repository)]),
            Route("GET", f"{AT}/comments/{{id}}", lambda call: self.view(call, self.comment(call))),
            Route("PATCH", f"{AT}/comments/{{id}}", self.update),
            Route("DELETE", f"{AT}/comments/{{id}}", self.delete),
            Route("GET", f"{AT}/{{number}}/comments", self.show_all),
            Route("POST", f"{AT}/{{number}}/comments", self.create),
        ]

    def of(self, repository: Doc) -> list[Doc]:
        """Return a repository's comments, oldest first."""
        key = names.key_of(repository["full_name"])
        return [comment for comment in self.table.values() if comment["repository"] == key]

    def comment(self, call: Call) -> Doc:
        """Return the comment that a path names.

        Raises:
            GitHubError: it does not exist.
        """
        found = self.table.get(f"{int(call.parts['id']):015}")
        if found is None or found["repository"] != names.key_of(call.repository["full_name"]):
            raise GitHubError(404, f"Not Found: comment {call.parts['id']}")
        return found

    def show_all(self, call: Call) -> list[Doc]:
        """List a pull request's comments, oldest first."""
        number = self._pulls.pull(call)["number"]
        return [self.view(call, one) for one in self.of(call.repository) if one["number"] == number]

    def create(self, call: Call) -> Reply:
        """Create a comment."""
        pull, now = self._pulls.pull(call), iso(time.time())
        comment = {
            "id": self._repositories.next_id(), "repository": names.key_of(call.repository["full_name"]),
            "number": pull["number"], "body": text_of(call), "user": call.login, "created_at": now, "updated_at": now,
        }  # fmt: skip
        self.table.put(f"{comment['id']:015}", comment)
        self._told(call, comment, "created")
        return Reply(201, self.view(call, comment))

    def update(self, call: Call) -> Doc:
        """Change a comment's text."""
        comment, body = self.comment(call), text_of(call)
        before = comment["body"]
        comment |= {"body": body, "updated_at": iso(time.time())}
        self.table.save(f"{comment['id']:015}")
        self._told(call, comment, "edited", changes={"body": {"from": before}})
        return self.view(call, comment)

    def delete(self, call: Call) -> Reply:
        """Delete a comment."""
        comment = self.comment(call)
        self.table.delete(f"{comment['id']:015}")
        self._told(call, comment, "deleted")
        return Reply(204)

    def _told(self, call: Call, comment: Doc, action: str, **more: object) -> None:
        repository = call.repository
        pull = self._pulls.pull(Call(login="", parts={"number": comment["number"]}, query={}, repository=repository))
        url = f"{self._views.repository_url(repository)}/issues/{pull['number']}"
        issue = {name: pull[name] for name in ("id", "number", "title", "body", "state", "created_at", "updated_at")}
        issue |= {
            "url": url,
            "user": self._views.user(pull["user"]),
            "pull_request": {"url": url.replace("/issues/", "/pulls/")},
        }
        self._post(repository, "issue_comment", {
            "action": action, "issue": issue, "comment": self.view(call, comment), **more,
            "repository": self._views.repository(repository), "sender": self._views.user(call.login),
        })  # fmt: skip

    def view(self, call: Call, comment: Doc) -> Doc:
        """Render a comment as the API returns it."""
        url = f"{self._views.repository_url(call.repository)}/issues"
        page = f"{self._views.site}/{call.repository['full_name']}/pull/{comment['number']}"
        kept = ("id", "body", "created_at", "updated_at")
        return {
            **{name: comment[name] for name in kept}, "node_id": f"IC_{comment['id']}",
            "user": self._views.user(comment["user"]), "url": f"{url}/comments/{comment['id']}",
            "issue_url": f"{url}/{comment['number']}", "html_url": f"{page}#issuecomment-{comment['id']}",
            "author_association": "OWNER",
        }  # fmt: skip


def text_of(call: Call) -> str:
    """Return the validated text of a comment.

    Raises:
        GitHubError: it is empty or too long.
    """
    body = call.text("IssueComment", "body")
    if len(body) > LONGEST:
        raise invalid("IssueComment", "body", f"body is too long (maximum is {LONGEST} characters)")
    return body
