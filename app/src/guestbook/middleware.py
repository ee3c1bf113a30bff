"""What surrounds every request: a log line and the headers that protect a browser."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        b"base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
]
# Asked every few seconds by load balancers: worth a line only when the answer is bad.
QUIET = ("/healthz", "/readyz")
SERVER_ERROR = 500

log = logging.getLogger("guestbook.access")


class Observed:
    """ASGI middleware: one log line a request (no query, no body), protective headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an HTTP request on and log how it went."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begin, status = time.perf_counter(), SERVER_ERROR

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", []), *HEADERS]}
            await send(message)

        try:
            await self.app(scope, receive, observe)
        finally:
            if scope["path"] not in QUIET or status >= SERVER_ERROR:
                milliseconds = round((time.perf_counter() - begin) * 1000, 1)
                extra = {"method": scope["method"], "path": scope["path"], "status": status, "ms": milliseconds}
                log.info("request", extra=extra)
