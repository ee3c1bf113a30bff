"""The gateway: an ASGI application that routes each request to the service that handles it."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse

from localcloud.gateway import limits, refusals, request_bodies
from localcloud.gateway.request_log import Entry, operation_in
from localcloud.gateway.retried_requests import Repeats
from localcloud.iam.callers import is_here
from localcloud.iam.gate import CALLER, OF_TASKS
from localcloud.ministack_adapter.loader import SERVED
from localcloud.ministack_adapter.persistence import COALESCED, READS
from localcloud.page.guard import is_for_page
from localcloud.services.ecr.registry import problem as registry_problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from localcloud.context import Service
    from localcloud.gateway.request_log import RequestLog
    from localcloud.iam.gate import Gate

HEALTH = "/_localcloud/health"
CONTROL = "/_localcloud/"
GITHUB = re.compile(r"^/(api/|[^/]+/[^/]+\.git(/|$))")
"""Paths that belong to GitHub: its REST and GraphQL APIs, and repositories by git over HTTP."""
CREDENTIAL = re.compile(r"Credential=[^/,]*/\d{8}/[^/,]*/([a-z0-9-]+)/aws4_request")
FORM = "application/x-www-form-urlencoded"
START_SECONDS = 60
GONE = 499
"""The logged status when a client disconnects before its request is complete (nginx's 499)."""
logger = logging.getLogger("localcloud.gateway.application")


class Gateway:
    """Routes requests by SigV4 credential scope: our own services first, then ministack's; anything else is refused."""

    def __init__(
        self,
        inner: ASGIApp,
        log: RequestLog,
        changed: Callable[[str, str], Awaitable[None]],
        health: Callable[[], dict[str, Any]],
        gate: Gate,
    ) -> None:
        """Create a gateway with no service of our own registered.

        Args:
            inner: the ASGI application of ministack.
            log: the request log, which gets one line per request.
            changed: awaited with service and operation when ministack has handled a request that may have changed
                state, before the response is sent.
            health: returns the content of the health page.
            gate: authenticates and authorizes requests.
        """
        self._inner = inner
        self._log = log
        self._changed = changed
        self._health = health
        self._gate = gate
        self._repeats = Repeats()
        self._services: dict[str, Service] = {}
        self._started: dict[str, asyncio.Event] = {}
        self.registry: ASGIApp | None = None
        """The ASGI application of the image registry."""
        self.github: ASGIApp | None = None
        """The ASGI application of GitHub."""
        self.page: Callable[[Request], Awaitable[Response]] | None = None
        """Handles the requests of browsers for the page at the root."""
        self.controls: dict[str, Callable[[Request], Awaitable[Response]]] = {}
        """Handlers of /_localcloud/<name>/, by name."""
        self.room: Callable[[], str | None] = lambda: None
        """Returns one line saying that the disk is too full to create anything, else None."""

    def add(self, service: Service) -> None:
        """Register a service; its requests wait until it has started."""
        self._services[service.signing_name] = service
        if service.control is not None:
            self.controls[service.api] = service.control
        self._started[service.signing_name] = asyncio.Event()

    def started(self, service: Service) -> None:
        """Mark a service as started, which releases its waiting requests."""
        self._started[service.signing_name].set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request and log it."""
        path: str = scope["path"]
        if path == HEALTH and limits.wrong(scope) is None and is_here(scope):
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
            await self._answer(entry, headers, scope, receive, watched)
        except limits.LimitError as error:
            await over_the_limit(entry, headers, error)(scope, receive, watched)
        except limits.GoneError:
            entry.status = GONE
        except Exception as error:  # whatever a service raises, the client gets a response
            what = f"{entry.service} {entry.operation}".strip()
            logger.exception("%s failed", what)
            if entry.status:
                raise
            message = f"{what} failed in the local cloud: {type(error).__name__}: {error}"
            await refusals.refusal(headers, "InternalFailure", message)(scope, receive, watched)
        finally:
            entry.milliseconds = round((time.monotonic() - started) * 1000)
            entry.agent = headers.get("user-agent", "")[:60]
            self._log.write(entry)

    async def _answer(self, entry: Entry, headers: dict[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request with invalid headers, replay the response to a retry, route all others."""
        if wrong := limits.wrong(scope):
            entry.operation = f"{scope['method']} {scope['path']}"
            await refusals.refusal(headers, "InvalidRequest", wrong)(scope, receive, send)
            return
        if answer := self._repeats.known(headers):
            entry.operation = f"{headers.get('x-amz-target', scope['path'])} (repeated)"
            await limits.whole(receive, limits.API_BYTES, headers)
            for message in answer:
                await send(message)
            return
        kept = self._repeats.kept(headers, scope["method"], send)
        await self._route(entry, headers, scope, receive, kept)

    async def _route(self, entry: Entry, headers: dict[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        """Route the request; every failure becomes a 4xx, since clients retry a 5xx for minutes."""
        path: str = scope["path"]
        entry.operation = f"{scope['method']} {path}"
        if self.page is not None and is_for_page(entry.service, scope, headers):
            await (await self.page(Request(scope, receive)))(scope, receive, send)
            return
        git = entry.service == "" and self.github is not None and GITHUB.match(path) is not None
        if entry.service == "" and (path == "/v2" or path.startswith("/v2/")) and self.registry is not None:
            entry.service = "registry"
            self._check_room(entry)
            await self.registry(scope, receive, send)
        elif (git or path.startswith("/_")) and (answer := self._gate.outside(scope, path, git=git)):
            await answer(scope, receive, send)
        elif git and self.github is not None:
            entry.service = "github"
            if path.startswith("/api/"):
                self._check_room(entry)
                _, receive = await limits.whole(receive, limits.REST_BYTES, headers)
            await self.github(scope, receive, send)
        elif path.startswith("/_"):
            await self._control(entry, headers, scope, receive, send)
        else:
            await self._aws(entry, headers, scope, receive, send)

    async def _control(self, entry: Entry, headers: dict[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request to /_localcloud/."""
        name = entry.path.removeprefix(CONTROL).split("/", 1)[0] if entry.path.startswith(CONTROL) else ""
        control = self.controls.get(name)
        if control is None:
            await PlainTextResponse(f"{entry.path} is not served here\n", status_code=404)(scope, receive, send)
            return
        if entry.path.startswith(OF_TASKS):  # the rest of the path gives access to a role's credentials
            entry.path, entry.operation = OF_TASKS, f"{entry.method} {OF_TASKS}"
        _, receive = await limits.whole(receive, limits.DELIVERY_BYTES, headers)
        self._check_room(entry)
        await (await control(Request(scope, receive)))(scope, receive, send)

    async def _aws(self, entry: Entry, headers: dict[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        """Route a request to the AWS service that it is signed for."""
        limit = limits.OBJECT_BYTES if entry.service == "s3" else limits.API_BYTES
        body, receive = await limits.whole(receive, limit, headers)
        form = headers.get("content-type", "").startswith(FORM)
        if entry.service != "s3":
            request_bodies.check(body, limit, headers.get("content-encoding", ""), headers.get("content-type", ""))
        entry.operation = operation_in(headers, entry.path, scope["method"], body if form else b"")
        refused, scope = self._gate.decide(entry.service, scope, headers, body)
        entry.caller = CALLER.get()
        message = limits.unsigned(headers, scope["method"], scope["query_string"], entry.service)
        if refused is None and message:
            refused = refusals.refusal(headers, "MissingAuthenticationToken", message)
        if refused is not None:
            await refused(scope, receive, send)
            return
        self._check_room(entry)
        if entry.service in self._services:
            await self._own(entry, scope, receive, send)
        elif entry.service in SERVED or entry.service == "":
            await self._ministack(entry, headers, scope, receive, send)
        else:
            message = f"the local cloud does not serve {entry.service} ({entry.operation}); it would have to pretend"
            await refusals.refusal(headers, "UnsupportedOperation", message)(scope, receive, send)

    def _check_room(self, entry: Entry) -> None:
        """Refuse operations that would create something on a full disk.

        Raises:
            LimitError: the disk is too full.
        """
        reads = entry.method in ("GET", "HEAD", "OPTIONS") or READS.match(entry.operation)
        if reads or entry.operation in COALESCED or limits.FREES.match(entry.operation):
            return
        if message := self.room():
            raise limits.LimitError(403, "LimitExceededException", message)

    async def _own(self, entry: Entry, scope: Scope, receive: Receive, send: Send) -> None:
        """Route a request to one of our own services, once it has started."""
        await asyncio.wait_for(self._started[entry.service].wait(), START_SECONDS)
        answer = await self._services[entry.service].handle(Request(scope, receive))
        await answer(scope, receive, send)

    async def _ministack(
        self, entry: Entry, headers: dict[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Route a request to ministack; turn a 5xx into a 4xx naming the request, save changes before responding."""
        refused = False
        unsaved: limits.LimitError | None = None

        async def checked(message: Message) -> None:
            nonlocal refused, unsaved
            if message["type"] == "http.response.start":
                refused = message["status"] >= 500  # noqa: PLR2004 - HTTP's and AWS's own numbers
                if not refused and message["status"] < 400:  # noqa: PLR2004 - HTTP's and AWS's own numbers
                    try:
                        await self._changed(entry.service or "s3", entry.operation)
                    except limits.LimitError as error:
                        unsaved = error
            if not refused and unsaved is None:
                await send(message)

        await self._inner(scope, receive, checked)
        if unsaved is not None:
            raise unsaved
        if refused:
            message = f"{entry.service or 'unsigned'} {entry.operation} is not supported by the local cloud"
            await refusals.refusal(headers, "UnsupportedOperation", message)(scope, receive, send)


def signed_for(headers: dict[str, str], query: bytes) -> str:
    """Return the service that a request is signed for, "" if it is unsigned."""
    found = CREDENTIAL.search(headers.get("authorization", ""))
    if found:
        return found[1]
    if b"X-Amz-Credential=" in query:
        parts = parse_qs(query.decode("latin-1")).get("X-Amz-Credential", [""])[0].split("/")
        return parts[3] if len(parts) == 5 else ""  # noqa: PLR2004  key/date/region/service/aws4_request
    return ""


def over_the_limit(entry: Entry, headers: dict[str, str], error: limits.LimitError) -> Response:
    """Return the response to a body that is too large or too slow, in the wire format that the client expects."""
    if entry.service == "registry":
        return registry_problem("SIZE_INVALID", error.status, error.message)
    if entry.service == "github" or entry.path.startswith(CONTROL):
        return JSONResponse({"message": error.message}, error.status)
    return refusals.refusal(headers, error.code, error.message)
