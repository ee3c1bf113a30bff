"""Git's smart HTTP protocol: clone, fetch and push by `git http-backend`.

A request's body is first spooled to an unnamed temporary file: git never waits for a client, limits apply before git
reads anything, and pushes to a repository are serialized. The response to a fetch is streamed.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
import os
import re
import signal
import tempfile
import zlib
from typing import IO, TYPE_CHECKING

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from localcloud.gateway import limits
from localcloud.github import git, names
from localcloud.github.repositories import PUSH_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from localcloud.github.repositories import Doc, Repositories

PATH = re.compile(r"/(?P<owner>[^/]+)/(?P<name>[^/]+)\.git(?:/(?P<rest>.*))?", re.DOTALL)
SERVICES = ("git-upload-pack", "git-receive-pack")
FETCH_BYTES = 64 * 2**20
"""Limit of a fetch request, its "want" and "have" lines."""
HEAD_BYTES = 2**16
CHUNK_BYTES = 2**16
SOMEBODY = "developer"
"""The login of a push without a user name."""
LOG = logging.getLogger(__name__)


class RefusedError(Exception):
    """A request that is refused before it reaches git."""

    def __init__(self, status: int, message: str) -> None:
        """Take the HTTP status and the one-line message that the client shows."""
        super().__init__(message)
        self.status = status


class SmartHttp:
    """The ASGI application for /<owner>/<name>.git/..."""

    def __init__(self, repositories: Repositories, pushed: Callable[[Doc, str], Awaitable[None]]) -> None:
        """Serve the repositories.

        Args:
            repositories: all repositories; a push creates a missing one.
            pushed: called with repository and login after every push, with the repository's lock held, before the
                response is sent.
        """
        self._repositories, self._pushed = repositories, pushed

    async def respond(self, request: Request) -> Response:
        """Handle one request; an error is plain text, which git shows."""
        try:
            return await self._respond(request)
        except RefusedError as error:
            return PlainTextResponse(f"{error}\n", error.status)

    async def _respond(self, request: Request) -> Response:
        found = PATH.fullmatch(path_of(request))
        owner, name, rest = (found["owner"], found["name"], found["rest"] or "") if found else ("", "", "")
        wrong = names.problem(owner, name)
        if wrong:
            raise RefusedError(404, wrong)
        service = request.query_params.get("service", "") if rest == "info/refs" else rest
        method = "GET" if rest == "info/refs" else "POST"
        if service not in SERVICES or request.method != method:
            raise RefusedError(
                404, f"{request.method} /{rest[:100]} is not served; clone http://.../{owner}/{name}.git"
            )
        push = service == "git-receive-pack"
        if push and (message := limits.no_room(self._repositories.root)):
            raise RefusedError(413, message)
        doc = self._repositories.find(f"{owner}/{name}")
        if doc is None and not push:
            raise RefusedError(404, f"repository {owner}/{name} not found; the first push creates it")
        if method == "POST":
            with tempfile.TemporaryFile(dir=self._repositories.root) as body:
                await spool(request, body, PUSH_BYTES if push else FETCH_BYTES)
                if push:
                    return await self._push(request, owner, name, body)
                return await self._stream(request, self._path(doc, rest), body)
        return await self._stream(request, self._path(doc, rest), None)

    @staticmethod
    def _path(doc: Doc | None, rest: str) -> str:
        """Return the path for git below the root: that of the empty repository if a first push has yet to create it."""
        return f"/{doc['full_name']}.git/{rest}" if doc else f"/.empty.git/{rest}"

    async def _push(self, request: Request, owner: str, name: str, body: IO[bytes]) -> Response:
        """Run a push to completion, even if the client disconnects, and send its events."""
        async with self._repositories.lock(f"{owner}/{name}"):
            doc = self._repositories.create(owner, name)
            backend = Backend(self._repositories, request, self._path(doc, "git-receive-pack"), body)
            try:
                status, headers = await backend.start()
                answer = b"".join([chunk async for chunk in backend.chunks()])
            finally:
                await self._told(doc, login_of(request))
        return Response(answer, status, headers)

    async def _told(self, doc: Doc, login: str) -> None:
        """Send a push's events. The push itself has succeeded: an error is logged, and the events are sent later."""
        try:
            await self._pushed(doc, login)
        except Exception:  # logged; the push itself has succeeded
            LOG.exception("a push to %s is not told yet", doc["full_name"])

    async def _stream(self, request: Request, path: str, body: IO[bytes] | None) -> Response:
        backend = Backend(self._repositories, request, path, body)
        status, headers = await backend.start()
        return StreamingResponse(backend.chunks(), status, headers)


class Backend:
    """A process of `git http-backend`, a CGI program."""

    def __init__(self, repositories: Repositories, request: Request, path: str, body: IO[bytes] | None) -> None:
        """Prepare the process; `path` is relative to the repositories' root."""
        self._body, self._path = body, path
        headers = request.headers
        version = headers.get("git-protocol", "")
        self._environment = git.environment(
            GIT_PROJECT_ROOT=str(repositories.root),
            GIT_HTTP_EXPORT_ALL="1",
            PATH_INFO=path,
            REQUEST_METHOD=request.method,
            QUERY_STRING=f"service={request.query_params['service']}" if "service" in request.query_params else "",
            CONTENT_TYPE=headers.get("content-type", ""),
            CONTENT_LENGTH=str(os.fstat(body.fileno()).st_size) if body else "",
            GIT_PROTOCOL=version if re.fullmatch(r"version=\d", version) else "",
            REMOTE_USER=login_of(request),
            REMOTE_ADDR="127.0.0.1",
        )
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> tuple[int, dict[str, str]]:
        """Start git and return the status and headers of its response.

        Raises:
            RefusedError: git gave no response.
        """
        self._process = await asyncio.create_subprocess_exec(
            "git", "http-backend",
            stdin=self._body or asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            env=self._environment, cwd="/", start_new_session=True, limit=HEAD_BYTES,
        )  # fmt: skip
        assert self._process.stdout is not None  # noqa: S101  it is a pipe
        try:
            head = await self._process.stdout.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            self._kill()
            code = await self._process.wait()
            raise RefusedError(500, f"git http-backend ended with {code} at {self._path}; see the log") from error
        except BaseException:  # cancellation too: git must not keep running
            self._kill()
            raise
        lines = [line.partition(": ") for line in head.decode("latin-1").split("\r\n") if line]
        headers = {name.lower(): value for name, _, value in lines}
        return int(headers.pop("status", "200").split()[0]), headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body of git's response; git is killed if the consumer stops."""
        assert self._process is not None  # noqa: S101 - Popen was given a pipe
        assert self._process.stdout is not None  # noqa: S101 - Popen was given a pipe
        try:
            while chunk := await self._process.stdout.read(CHUNK_BYTES):
                yield chunk
            if await self._process.wait():
                LOG.warning("git http-backend %s ended with %s", self._path, self._process.returncode)
        finally:
            self._kill()

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


async def spool(request: Request, body: IO[bytes], limit: int) -> None:
    """Write a request's body, decompressed, to a file and rewind it.

    Raises:
        RefusedError: it is too large, is not valid gzip despite its encoding, or the disk is full.
        GoneError: the client has disconnected.
    """
    size, unpacker = 0, unpacker_of(request.headers.get("content-encoding", ""))
    if int(request.headers.get("content-length") or 0) > limit:
        raise RefusedError(413, f"a request of {request.headers['content-length']} bytes is over the limit of {limit}")
    try:
        async for part in request.stream():
            packed = part
            while packed:
                plain = unpacker.decompress(packed, CHUNK_BYTES) if unpacker else packed
                packed = unpacker.unconsumed_tail if unpacker else b""
                size += len(plain)
                if size > limit:
                    raise RefusedError(413, f"the request is over the limit of {limit} bytes")
                body.write(plain)
        body.write(unpacker.flush() if unpacker else b"")  # the rest of the last match, 258 bytes at most
        body.flush()
    except zlib.error as error:
        raise RefusedError(400, f"the request is not valid gzip: {error}") from error
    except limits.LimitError as error:
        raise RefusedError(error.status, error.message) from error
    except OSError as error:
        raise RefusedError(413, f"the request cannot be stored: {error.strerror}: free some space") from error
    except ClientDisconnect:
        raise limits.GoneError from None
    body.seek(0)


def unpacker_of(encoding: str) -> zlib._Decompress | None:
    """Return the decompressor of a body, or None if it is not compressed; git would decompress without a limit.

    Raises:
        RefusedError: the encoding is not supported.
    """
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise RefusedError(415, f"content-encoding {encoding[:40]} is not served; gzip is")
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16) if "gzip" in encoding else None


def login_of(request: Request) -> str:
    """Return the user name of Basic authorization if valid, else "developer"; the password is ignored."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        with contextlib.suppress(binascii.Error, UnicodeDecodeError):
            login = base64.b64decode(given, validate=True).decode().partition(":")[0]
            if names.LOGIN.fullmatch(login) and login not in ("x-access-token", "x-oauth-basic", "git"):
                return login
    return SOMEBODY


def path_of(request: Request) -> str:
    """Return a request's decoded path in full: `request.url` drops line breaks and stops at a decoded "?"."""
    return str(request.scope["path"])
