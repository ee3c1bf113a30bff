"""The local GitHub as a service of the local cloud, and its interface for other services."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse

from localcloud.github import git, history, names
from localcloud.github.comments import Comments
from localcloud.github.contents import Contents
from localcloud.github.deliveries import Deliveries
from localcloud.github.deployments import Deployments
from localcloud.github.hook_table import HookTable
from localcloud.github.hooks import Hooks
from localcloud.github.journal import Journal
from localcloud.github.pulls import Pulls
from localcloud.github.pushes import Pushes
from localcloud.github.repositories import Repositories
from localcloud.github.rest import ROOT, GitHubError, Rest, body_of, failure
from localcloud.github.smart_http import SmartHttp, path_of
from localcloud.github.statuses import Statuses
from localcloud.github.tokens import Tokens
from localcloud.github.views import Views
from localcloud.iam.callers import is_here
from localcloud.settings import NAME, UserError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from localcloud.context import Context
    from localcloud.github.events import Commit, Event
    from localcloud.github.repositories import Doc

START_SECONDS = 60
LATER = (2, 10, 30)
"""Delays between checks for unsent events after a start: a killed process's push may complete later."""
ACTOR = f"{NAME}-local"
"""The login that sets statuses on behalf of other services."""
LOG = logging.getLogger(__name__)


class GitHub:
    """Repositories, webhooks, pull requests and statuses."""

    api = "github"
    signing_name = "github"
    control: Callable[[Request], Awaitable[Response]] | None

    def __init__(self, ctx: Context) -> None:
        """Serve the repositories below "github" in the state folder."""
        self._ctx = ctx
        self._repositories = Repositories(ctx)
        views = Views(ctx.endpoint)
        self._journal = journal = Journal(ctx, self._repositories, Pushes(views))
        self._hook_table = HookTable(ctx)
        self._deliveries = Deliveries(ctx, self._repositories, self._hook_table)
        self._hooks = Hooks(self._hook_table, self._deliveries, self._repositories, views)
        self._pulls = Pulls(ctx, self._repositories, views, journal.tell)
        journal.deliveries = self._deliveries
        journal.hooks, journal.pulls = self._hook_table, self._pulls
        self._comments = Comments(ctx, self._repositories, self._pulls, views, journal.post)
        self._statuses = Statuses(ctx, self._repositories, views, journal.post)
        self._deployments = Deployments(ctx, self._repositories, self._statuses, views)
        self._tokens = Tokens(ctx)
        contents = Contents(self._repositories, views, journal.settle, self._forget)
        topics = (
            self._hooks, self._deliveries, self._pulls, self._comments, self._statuses, self._deployments, contents,
        )  # fmt: skip
        self._rest = Rest(self._repositories, [route for topic in topics for route in topic.routes()], self._permit)
        self._git = SmartHttp(self._repositories, journal.settle)
        self._started = asyncio.Event()
        self._later: asyncio.Task[None] | None = None
        self.control = self._control

    def subscribe(self, listener: Callable[[Event], None]) -> None:
        """Subscribe to the events of pushes and pull requests, as a GitHub App does; call it before the start.

        Args:
            listener: called on the event loop, inside a transaction of the store that also marks the event as sent.
                An event that a killed process did not send is sent on the next start. It must not block; an exception
                is logged and does not affect other listeners.
        """
        self._journal.listeners.append(listener)

    def clone_url(self, repository: str) -> str:
        """Return the clone URL of "owner/name" on the host."""
        return f"{self._ctx.endpoint}/{repository}.git"

    def _folder_of(self, repository: str) -> Doc:
        doc = self._repositories.find(repository)
        if doc is None:
            raise GitHubError(404, f"Not Found: repository {repository}; the first push creates it")
        return doc

    def commit(self, repository: str, ref: str) -> Commit | None:
        """Return the commit of a branch, tag, full ref or full sha; None if it or the repository does not exist.

        Runs git for some milliseconds; thread-safe.
        """
        doc = self._repositories.find(repository)
        return history.commit(self._repositories.folder(doc), ref) if doc else None

    def archive(self, repository: str, sha: str) -> bytes:
        """Return a commit's files as a ZIP without a top-level folder, with modes and links. Blocks; thread-safe.

        Raises:
            GitHubError: the repository or commit does not exist.
        """
        folder = self._repositories.folder(self._folder_of(repository))
        if not names.SHA.fullmatch(sha) or history.resolve(folder, sha) is None:
            raise GitHubError(404, f"Not Found: no commit {sha[:60]} in {repository}")
        return history.archive(folder, sha)

    def set_status(  # noqa: PLR0913 - the fields of a status
        self, repository: str, sha: str, *, state: str, context: str, description: str, target_url: str
    ) -> None:
        """Set a commit's status; runs git for some milliseconds, thread-safe.

        Raises:
            GitHubError: the repository or commit does not exist, the state is not one of error, failure, pending and
                success, or the description is longer than 140 characters.
        """
        fields = {"state": state, "context": context, "description": description, "target_url": target_url}
        self._statuses.add(self._folder_of(repository), sha, login=ACTOR, **fields)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, once the service has started."""
        request = Request(scope, receive)
        try:
            await asyncio.wait_for(self._started.wait(), START_SECONDS)
        except TimeoutError:
            text = git.missing() or "the local GitHub has not started; see the log"
            await PlainTextResponse(f"{text}\n", 503)(scope, receive, send)
            return
        if path_of(request) == ROOT or path_of(request).startswith(f"{ROOT}/"):
            response = await self._rest.respond(request)
        elif path_of(request).startswith("/api/"):
            text = f"Not Found: the local GitHub does not serve {path_of(request)}; its API is at {ROOT}"
            response = JSONResponse({"message": text}, 404)
        else:
            response = await self._git.respond(request)
        await response(scope, receive, send)

    def _permit(self, request: Request, path: str) -> None:
        given = request.headers.get("authorization", "")
        self._tokens.authorize(given, request.method, path, here=is_here(request.scope))

    async def _control(self, request: Request) -> Response:
        """Issue a token with limited rights, POST /_localcloud/github/tokens, or list all webhooks, GET .../hooks."""
        if request.method != "POST" or not path_of(request).endswith("/github/tokens"):
            return self._show_hooks(request)
        try:
            return JSONResponse(self._tokens.issue(await body_of(request)), 201)
        except GitHubError as error:
            return failure(error)

    def _show_hooks(self, request: Request) -> Response:
        """List all webhooks, for `localcloud sweep`."""
        if request.method != "GET" or not path_of(request).endswith("/github/hooks"):
            return JSONResponse({"message": f"{request.method} {path_of(request)} is not served here"}, 404)
        shown = [(doc, hook) for doc in self._repositories.table.values() for hook in self._hook_table.of(doc)]
        return JSONResponse(
            [{"repository": doc["full_name"], "id": hook["id"], "url": hook["config"]["url"]} for doc, hook in shown]
        )

    async def handle(self, request: Request) -> Response:
        """Refuse AWS requests: GitHub has no AWS API."""
        return JSONResponse({"message": f"{path_of(request)} is not served here"}, 404)

    async def start(self) -> None:
        """Send the events that a killed process did not, and start serving.

        Raises:
            UserError: git is missing.
        """
        if problem := await asyncio.to_thread(git.missing):
            raise UserError(problem)
        await asyncio.to_thread(self._repositories.open)
        await self._journal.settle_all()
        self._deliveries.start()
        self._started.set()
        self._later = asyncio.create_task(self._look_again())

    async def _look_again(self) -> None:
        for seconds in LATER:
            await asyncio.sleep(seconds)
            await self._journal.settle_all()

    async def stop(self) -> None:
        """Stop sending; pending deliveries are sent after the next start."""
        if self._later is not None:
            self._later.cancel()
        await self._deliveries.stop()

    def _forget(self, doc: Doc) -> None:
        """Remove the pull requests, comments, statuses, deployments, tokens and hooks of a repository."""
        for hook in self._hook_table.of(doc):
            self._hooks.remove(hook)
        key = names.key_of(doc["full_name"])
        shown, tokens = self._deployments, self._tokens
        held = (self._pulls, self._comments, self._statuses, shown, tokens)
        for table in (*(one.table for one in held), shown.statuses):
            for name, row in list(table.rows.items()):
                if row["repository"] == key:
                    table.delete(name)

    async def reset(self) -> None:
        """Delete all repositories and everything that belongs to them."""
        for doc in self._repositories.table.values():
            self._forget(doc)
        self._tokens.table.clear()
        self._deliveries.clear()
        await asyncio.to_thread(self._repositories.clear)
        await asyncio.to_thread(self._repositories.open)
