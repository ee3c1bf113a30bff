"""The one endpoint: an ASGI application that hands each request to the service that serves it."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse

from localcloud import refusals
from localcloud.emulator import SERVED
from localcloud.repeats import Repeats
from localcloud.requestlog import Entry, operation_in

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from localcloud.context import Service
    from localcloud.requestlog import RequestLog

HEALTH = "/_localcloud/health"
CONTROL = "/_localcloud/"
GITHUB = re.compile(r"^/(api/|[^/]+/[^/]+\.git(/|$))")
"""What of GitHub is asked for here: its REST and GraphQL APIs, and repositories by git over HTTP."""
CREDENTIAL = re.compile(r"Credential=[^/,]*/\d{8}/[^/,]*/([a-z0-9-]+)/aws4_request")
FORM = "application/x-www-form-urlencoded"
API_BYTES = 16 * 2**20
"""Limit of an API request's body; AWS's own limits are below it."""
OBJECT_BYTES = 512 * 2**20
"""Limit of an S3 upload: ministack holds it in memory."""
START_SECONDS = 60
logger = logging.getLogger("localcloud.gateway")


class Gateway:
    """Routes by the SigV4 credential scope: own services first, then what ministack serves, else a refusal."""

    def __init__(
        self,
        inner: ASGIApp,
        log: RequestLog,
        changed: Callable[[str, str], Awaitable[None]],
        health: Callable[[], dict[str, Any]],
    ) -> None:
        """Set up routing without any own service.

        Args:
            inner: ministack.
            log: takes one line per request.
            changed: called with service and operation when ministack has served a request that may have changed
                something, before the answer leaves.
            health: what the health page says.
        """
        self._inner = inner
        self._log = log
        self._changed = changed
        self._health = health
        self._repeats = Repeats()
        self._services: dict[str, Service] = {}
        self._started: dict[str, asyncio.Event] = {}
        self.registry: ASGIApp | None = None
        """Serves the image registry's paths."""
        self.github: ASGIApp | None = None
        """Serves GitHub's."""
        self.controls: dict[str, Callable[[Request], Awaitable[Response]]] = {}
        """Serve what lies below /_localcloud/<name>/."""

    def add(self, service: Service) -> None:
        """Route a service's requests to it; they wait until it has started."""
        self._services[service.signing_name] = service
        if service.control is not None:
            self.controls[service.api] = service.control
        self._started[service.signing_name] = asyncio.Event()

    def started(self, service: Service) -> None:
        """Let a service's requests through."""
        self._started[service.signing_name].set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event, as ASGI wants it."""
        if scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and write it down."""
        path: str = scope["path"]
        if path == HEALTH:
            await JSONResponse(self._health())(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        entry = Entry(service=signed_for(headers, scope["query_string"]), method=scope["method"], path=path)
        started = time.monotonic()

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
            await send(message)

        try:
            if answer := self._repeats.known(headers):
                entry.operation = f"{headers.get('x-amz-target', path)} (repeated)"
                await buffered(receive)
                for message in answer:
                    await watched(message)
                return
            kept = self._repeats.kept(headers, scope["method"], watched)
            await self._route(entry, headers, scope, receive, kept)
        finally:
            entry.milliseconds = round((time.monotonic() - started) * 1000)
            entry.agent = headers.get("user-agent", "")[:60]
            self._log.write(entry)

    async def _route(self, entry: Entry, headers: dict[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on; whatever goes wrong is answered by a 4xx, since clients retry a 5xx for minutes."""
        path: str = scope["path"]
        if entry.service == "" and (path == "/v2" or path.startswith("/v2/")) and self.registry is not None:
            entry.service, entry.operation = "registry", f"{scope['method']} {path}"
            await self.registry(scope, receive, send)
            return
        if entry.service == "" and self.github is not None and GITHUB.match(path):
            entry.service, entry.operation = "github", f"{scope['method']} {path}"
            await self.github(scope, receive, send)
            return
        control = self.controls.get(path.removeprefix(CONTROL).split("/", 1)[0]) if path.startswith(CONTROL) else None
        if control is not None:
            entry.operation = f"{scope['method']} {path}"
            await (await control(Request(scope, receive)))(scope, receive, send)
            return
        if path.startswith("/_"):
            await PlainTextResponse(f"{path} is not served here\n", status_code=404)(scope, receive, send)
            return
        limit = OBJECT_BYTES if entry.service in ("s3", "") else API_BYTES
        if int(headers.get("content-length") or 0) > limit:
            message = f"a request's body may have {limit} bytes at most"
            await refusals.refusal(headers, "RequestEntityTooLarge", message)(scope, receive, send)
            return
        if headers.get("content-type", "").startswith(FORM):
            body, receive = await buffered(receive)
            entry.operation = operation_in(headers, path, scope["method"], body)
        else:
            entry.operation = operation_in(headers, path, scope["method"], b"")
        if entry.service in self._services:
            await self._own(entry, headers, scope, receive, send)
        elif entry.service in SERVED or entry.service == "":
            await self._ministack(entry, headers, scope, receive, send)
        else:
            message = f"the local cloud does not serve {entry.service} ({entry.operation}); it would have to pretend"
            await refusals.refusal(headers, "UnsupportedOperation", message)(scope, receive, send)

    async def _own(self, entry: Entry, headers: dict[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        """Let one of our own services answer, once it has started."""
        service = self._services[entry.service]
        try:
            await asyncio.wait_for(self._started[entry.service].wait(), START_SECONDS)
            answer = await service.handle(Request(scope, receive))
        except Exception as error:
            logger.exception("%s %s failed", entry.service, entry.operation)
            message = f"{entry.service} {entry.operation} failed in the local cloud: {type(error).__name__}: {error}"
            answer = refusals.refusal(headers, "InternalFailure", message)
        await answer(scope, receive, send)

    async def _ministack(
        self, entry: Entry, headers: dict[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Let ministack answer; a 5xx becomes a 4xx that names the request, a change is saved before the answer."""
        refused = False

        async def checked(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start":
                refused = message["status"] >= 500  # noqa: PLR2004
                if not refused and message["status"] < 400:  # noqa: PLR2004
                    await self._changed(entry.service or "s3", entry.operation)
            if not refused:
                await send(message)

        await self._inner(scope, receive, checked)
        if refused:
            message = f"{entry.service or 'unsigned'} {entry.operation} is not supported by the local cloud"
            await refusals.refusal(headers, "UnsupportedOperation", message)(scope, receive, send)


def signed_for(headers: dict[str, str], query: bytes) -> str:
    """Return the service that a request is signed for, "" where it is not signed."""
    found = CREDENTIAL.search(headers.get("authorization", ""))
    if found:
        return found[1]
    if b"X-Amz-Credential=" in query:
        parts = parse_qs(query.decode("latin-1")).get("X-Amz-Credential", [""])[0].split("/")
        return parts[3] if len(parts) == 5 else ""  # noqa: PLR2004  key/date/region/service/aws4_request
    return ""


async def buffered(receive: Receive) -> tuple[bytes, Receive]:
    """Read a body whole; return it and a receive that gives it once more."""
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
    body = b"".join(parts)
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return body, again
