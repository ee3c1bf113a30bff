"""The application: routes for people (HTML) and for programs (JSON)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg_pool import PoolTimeout
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from guestbook.entries import AUTHOR_LENGTH, MESSAGE_LENGTH, Entries, faults, pool_for
from guestbook.middleware import Observed
from guestbook.requests import BadRequestError, form, json_object, whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from guestbook.settings import Settings

HERE = Path(__file__).parent
PAGE_SIZE = 50
# How often a waiting request looks for a new entry, and how long it may wait, in seconds.
LOOK_SECONDS = 0.25
WAIT_SECONDS = 20
# How long the database may take to answer for this process to be ready, in seconds.
READY_SECONDS = 2

log = logging.getLogger("guestbook")
templates = Jinja2Templates(directory=HERE / "templates")


def _entries(request: Request) -> Entries:
    entries: Entries = request.app.state.entries
    return entries


async def page(request: Request) -> Response:
    """The newest entries and the form."""
    before = whole(request, "before", default=None, lowest=1)
    return await _render(request, before=before)


async def _render(
    request: Request,
    *,
    before: int | None = None,
    values: dict[str, str] | None = None,
    wrong: dict[str, str] | None = None,
) -> Response:
    found = await _entries(request).latest(limit=PAGE_SIZE + 1, before=before)
    context = {
        "entries": found[:PAGE_SIZE],
        "older": found[PAGE_SIZE - 1].id if len(found) > PAGE_SIZE else None,
        "values": values or {},
        "faults": wrong or {},
        "author_length": AUTHOR_LENGTH,
        "message_length": MESSAGE_LENGTH,
        "version": request.app.state.settings.version,
    }
    return templates.TemplateResponse(request, "page.html", context, status_code=422 if wrong else 200)


async def sign(request: Request) -> Response:
    """Take the form; a good entry is stored and the list shown, else the form comes back with what is wrong."""
    fields = await form(request)
    author, message = fields.get("author", ""), fields.get("message", "")
    if wrong := faults(author, message):
        return await _render(request, values=fields, wrong=wrong)
    await _entries(request).add(author.strip(), message.strip())
    return RedirectResponse("/", status_code=303)


async def list_entries(request: Request) -> Response:
    """`GET /api/entries?limit=&before=`: entries, newest first."""
    limit = whole(request, "limit", default=PAGE_SIZE, lowest=1, highest=200) or PAGE_SIZE
    before = whole(request, "before", default=None, lowest=1)
    found = await _entries(request).latest(limit=limit, before=before)
    return JSONResponse({"entries": [entry.document() for entry in found]})


async def add_entry(request: Request) -> Response:
    """`POST /api/entries` with `author` and `message`: 201 and the stored entry."""
    document = await json_object(request)
    author, message = document.get("author"), document.get("message")
    wrong = faults(author, message)
    wrong |= {name: "is not a field of an entry" for name in document if name not in {"author", "message"}}
    if wrong:
        raise BadRequestError("the entry is not valid", status=422, faults=wrong)
    entry = await _entries(request).add(str(author).strip(), str(message).strip())
    return JSONResponse(entry.document(), status_code=201)


async def wait_entries(request: Request) -> Response:
    """`GET /api/entries/wait?after=ID&timeout=SECONDS`: answers when a newer entry is there, or with none in time."""
    after = whole(request, "after", default=None, lowest=0)
    if after is None:
        raise BadRequestError("after is missing; set it to the id of the last entry known, or 0")
    timeout = whole(request, "timeout", default=WAIT_SECONDS, lowest=0, highest=WAIT_SECONDS) or 0
    end = time.monotonic() + timeout
    while True:
        found = await _entries(request).newer(after, limit=PAGE_SIZE)
        left = end - time.monotonic()
        if found or left <= 0:
            return JSONResponse({"entries": [entry.document() for entry in found]})
        await asyncio.sleep(min(LOOK_SECONDS, left))


async def healthz(request: Request) -> Response:
    """Whether this process is alive: 503 until the schema is there, then 200 whatever becomes of the database.

    Who asks replaces what is not healthy, and a new process would find no database either.
    """
    if not request.app.state.started:
        return JSONResponse({"status": "starting"}, status_code=503)
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """Whether requests can be served now: 200 when the database can be read within two seconds, else 503.

    A database that hangs is asked once, however many ask for it here.
    """
    state = request.app.state
    if state.asked is None or state.asked.done():
        state.asked = asyncio.ensure_future(_reachable(_entries(request)))
    await asyncio.wait({state.asked}, timeout=READY_SECONDS)
    if state.asked.done() and state.asked.result():
        return JSONResponse({"status": "ok"})
    return JSONResponse({"status": "unavailable", "database": "unreachable"}, status_code=503)


async def _reachable(entries: Entries) -> bool:
    """Whether the database can be read; why not is logged."""
    try:
        await entries.ping()
    except (psycopg.Error, PoolTimeout) as error:
        log.warning("not ready", extra={"reason": _reason(error)})
        return False
    return True


async def version(request: Request) -> Response:
    """What is running: the commit it was built from and, where known, the image's digest."""
    settings: Settings = request.app.state.settings
    return JSONResponse({"commit": settings.version, "digest": settings.digest})


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _answer(request: Request, message: str, status: int, wrong: dict[str, str] | None = None) -> Response:
    if request.url.path.startswith(("/api/", "/healthz", "/readyz", "/version")):
        return JSONResponse({"error": message, "fields": wrong} if wrong else {"error": message}, status_code=status)
    return templates.TemplateResponse(request, "error.html", {"message": message, "status": status}, status_code=status)


async def _bad_request(request: Request, error: Exception) -> Response:
    if not isinstance(error, BadRequestError):
        raise error
    return _answer(request, str(error), error.status, error.faults)


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    answer = _answer(request, error.detail, error.status_code)
    answer.headers.update(error.headers or {})
    return answer


async def _no_database(request: Request, error: Exception) -> Response:
    log.error("the database did not answer", extra={"reason": _reason(error)})
    return _answer(request, "the database does not answer; try again", 503)


async def _unexpected(request: Request, _: Exception) -> Response:
    return _answer(request, "something went wrong", 500)


async def _prepare(app: Starlette) -> None:
    """Create the schema, as often as it takes: a database may come up after its application."""
    while True:
        try:
            await app.state.entries.prepare()
        except (psycopg.Error, PoolTimeout) as error:
            log.warning("the database is not ready; trying again", extra={"reason": _reason(error)})
            await asyncio.sleep(1)
        else:
            log.info("the schema is ready")
            app.state.started = True
            return


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    pool = pool_for(app.state.settings)
    await pool.open()
    app.state.entries = Entries(pool)
    preparing = asyncio.create_task(_prepare(app))
    try:
        yield
    finally:
        preparing.cancel()
        await pool.close()
        log.info("stopped")


def application(settings: Settings) -> Starlette:
    """The ASGI application for `settings`; it connects to the database when its lifespan starts."""
    app = Starlette(
        lifespan=_lifespan,
        middleware=[Middleware(Observed)],
        routes=[
            Route("/", page, methods=["GET"]),
            Route("/", sign, methods=["POST"]),
            Route("/api/entries", list_entries, methods=["GET"]),
            Route("/api/entries", add_entry, methods=["POST"]),
            Route("/api/entries/wait", wait_entries, methods=["GET"]),
            Route("/healthz", healthz, methods=["GET"]),
            Route("/readyz", readyz, methods=["GET"]),
            Route("/version", version, methods=["GET"]),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        exception_handlers={
            BadRequestError: _bad_request,
            HTTPException: _http_error,
            psycopg.OperationalError: _no_database,
            psycopg.errors.UndefinedTable: _no_database,
            PoolTimeout: _no_database,
            Exception: _unexpected,
        },
    )
    app.state.settings, app.state.started, app.state.asked = settings, False, None
    return app
