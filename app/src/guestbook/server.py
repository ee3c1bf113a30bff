"""The server: uvicorn, with an end that no client notices.

When a task is replaced, a load balancer may send it requests for a moment after SIGTERM. So the first SIGTERM only
starts draining: new requests are still answered, each answer asks its client to close the connection, and after
`drain_seconds` the port is closed and requests in flight are finished. A second signal skips the wait.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from types import FrameType

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from guestbook.settings import Settings

# Requests in flight get this long; a container's stop time-out should be this plus drain_seconds, or more.
FINISH_SECONDS = 25

log = logging.getLogger("guestbook")


class Draining:
    """ASGI middleware that closes keep-alive connections politely once `active` is set."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.active = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; while draining its answer carries `Connection: close`."""

        async def closing(message: Message) -> None:
            if self.active and message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), (b"connection", b"close")]}
            await send(message)

        await self.app(scope, receive, closing if scope["type"] == "http" else send)


class Server(uvicorn.Server):
    """uvicorn's server whose first signal starts draining instead of closing the port."""

    def __init__(self, config: uvicorn.Config, draining: Draining, drain_seconds: float) -> None:
        super().__init__(config)
        self._draining = draining
        self._drain_seconds = drain_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Begin to drain; a second signal closes at once."""
        if self._draining.active or not self.started:
            self.should_exit = True
            return
        self._draining.active = True
        asyncio.get_running_loop().call_soon_threadsafe(self._begin, sig)

    def _begin(self, sig: int) -> None:
        log.info("draining", extra={"signal": sig, "seconds": self._drain_seconds})
        asyncio.get_running_loop().call_later(self._drain_seconds, self._close)

    def _close(self) -> None:
        self.should_exit = True


def serve(app: ASGIApp, settings: Settings) -> None:
    """Serve `app` until a signal ends it; returns when the last request is answered."""
    draining = Draining(app)
    config = uvicorn.Config(
        draining,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        # Longer than a load balancer keeps an idle connection (60 s is usual), so that it never meets a closed one.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=FINISH_SECONDS,
    )
    Server(config, draining, settings.drain_seconds).run()
