"""The local GitHub as a service of the local cloud, and what other services ask of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from localcloud.context import Context
    from localcloud.github.events import Commit, Event


class GitHub:
    """Repositories, webhooks, pull requests and statuses."""

    api = "github"
    signing_name = "github"
    control: Callable[[Request], Awaitable[Response]] | None = None

    def __init__(self, ctx: Context) -> None:
        """Serve what lies below the state folder."""
        self._ctx = ctx
        self._listeners: list[Callable[[Event], None]] = []

    def subscribe(self, listener: Callable[[Event], None]) -> None:
        """Have every push and pull request told."""
        self._listeners.append(listener)

    def clone_url(self, repository: str) -> str:
        """Return the address to clone "owner/name" from, as this machine sees it."""
        return f"{self._ctx.endpoint}/{repository}.git"

    def commit(self, repository: str, ref: str) -> Commit | None:
        """Return a branch's, full ref's or sha's commit."""
        raise NotImplementedError

    def archive(self, repository: str, sha: str) -> bytes:
        """Return a zip of a commit's files."""
        raise NotImplementedError

    def set_status(
        self, repository: str, sha: str, *, state: str, context: str, description: str, target_url: str
    ) -> None:
        """Set a commit's status."""
        raise NotImplementedError

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await JSONResponse({"message": "Not Found"}, 404)(scope, receive, send)

    async def handle(self, request: Request) -> Response:
        """Refuse a request that is signed as if GitHub were of AWS."""
        return JSONResponse({"message": f"{request.url.path} is not served here"}, 404)

    async def start(self) -> None:
        """Nothing to start yet."""

    async def stop(self) -> None:
        """Nothing to stop yet."""

    async def reset(self) -> None:
        """Nothing to remove yet."""
