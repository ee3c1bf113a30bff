"""The application's answers, with entries kept in memory."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx
import psycopg
import pytest
from guestbook import web
from guestbook.entries import Entry
from guestbook.logs import JsonLines
from guestbook.settings import from_environment

App = Callable[..., Awaitable[httpx.Response]]

pytestmark = pytest.mark.anyio
ENV = {
    "DATABASE_HOST": "db",
    "DATABASE_NAME": "guestbook",
    "DATABASE_USER": "guest",
    "DATABASE_PASSWORD": "very-secret",
    "COMMIT": "abc123",
    "IMAGE_DIGEST": "sha256:" + "0" * 64,
}


class EntriesInMemory:
    """Stands in for `Entries`; `down` makes it behave as a database that is gone."""

    def __init__(self) -> None:
        self.kept: list[Entry] = []
        self.down = False

    async def ping(self) -> None:
        """Fail while down."""
        if self.down:
            raise psycopg.OperationalError("connection refused")

    async def add(self, author: str, message: str) -> Entry:
        """Keep an entry."""
        await self.ping()
        day = datetime(2026, 1, 2, tzinfo=UTC)
        entry = Entry(id=len(self.kept) + 1, author=author, message=message, created_at=day)
        self.kept.append(entry)
        return entry

    async def latest(self, *, limit: int, before: int | None = None) -> list[Entry]:
        """The newest first."""
        await self.ping()
        return [entry for entry in reversed(self.kept) if before is None or entry.id < before][:limit]

    async def newer(self, after: int, *, limit: int) -> list[Entry]:
        """The oldest first."""
        await self.ping()
        return [entry for entry in self.kept if entry.id > after][:limit]


@pytest.fixture
def entries() -> EntriesInMemory:
    """The entries of the application under test."""
    return EntriesInMemory()


@pytest.fixture
def started() -> bool:
    """Whether the schema has been created."""
    return True


@pytest.fixture
def app(entries: EntriesInMemory, *, started: bool) -> App:
    """A function that sends one request to the application, in this process."""
    application = web.application(from_environment(ENV))
    application.state.entries, application.state.started = entries, started

    async def request(method: str, path: str, **options: object) -> httpx.Response:
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://guestbook") as client:
            return await client.request(method, path, **options)  # type: ignore[arg-type]

    return request


@pytest.fixture
def anyio_backend() -> str:
    """Tests marked `anyio` run on asyncio, as the application does."""
    return "asyncio"


async def test_an_added_entry_is_listed(app: App) -> None:
    """What the API takes, it gives back, trimmed."""
    added = await app("POST", "/api/entries", json={"author": " Ada ", "message": "Hello"})
    assert added.status_code == 201
    assert added.json() == {"id": 1, "author": "Ada", "message": "Hello", "created_at": "2026-01-02T00:00:00+00:00"}
    assert (await app("GET", "/api/entries")).json() == {"entries": [added.json()]}


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 15000, "application/json", 400),
        (b"[]", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b'"' + b"x" * 20000 + b'"', "application/json", 413),
        (b"{}", "application/json; charset=utf-8", 422),
        (b'{"author": "a", "message": "b", "more": 1}', "application/json", 422),
        (b'{"author": "\\ud800", "message": "\\u0000"}', "application/json", 422),
    ],
)
async def test_a_bad_body_is_refused_with_its_reason(app: App, content: bytes, media_type: str, status: int) -> None:
    """Never a 500 for what a client sends."""
    answer = await app("POST", "/api/entries", content=content, headers={"content-type": media_type})
    assert answer.status_code == status
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "entries?limit=0",
        "entries?limit=201",
        "entries?before=-1",
        "entries?before=99999999999999999999",
        "entries?limit=²",
        "entries/wait",
        "entries/wait?after=x",
        "entries/wait?after=1&timeout=21",
        "entries/wait?after=1&timeout=",
    ],
)
async def test_a_bad_query_is_refused(app: App, path: str) -> None:
    """Numbers are whole and bounded."""
    assert (await app("GET", f"/api/{path}")).status_code == 400


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/api/none", 404), ("DELETE", "/api/entries", 405)])
async def test_the_api_answers_json_for_what_it_does_not_have(app: App, method: str, path: str, status: int) -> None:
    """A client never has to read a page."""
    answer = await app(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")


async def test_the_page_escapes_what_visitors_wrote(app: App, entries: EntriesInMemory) -> None:
    """Markup in an entry is text on the page."""
    await entries.add("<i>Eve</i>", "<script>alert(1)</script>")
    page = (await app("GET", "/")).text
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;i&gt;Eve&lt;/i&gt;" in page


async def test_the_form_stores_and_goes_back_to_the_list(app: App, entries: EntriesInMemory) -> None:
    """Reloading the page afterwards does not sign twice."""
    answer = await app("POST", "/", data={"author": "Ada", "message": "Hello & more"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert [entry.message for entry in entries.kept] == ["Hello & more"]


async def test_a_wrong_form_comes_back_with_what_is_wrong(app: App, entries: EntriesInMemory) -> None:
    """What was typed is kept, escaped; the fault is said at its field."""
    answer = await app("POST", "/", data={"author": '"><b>', "message": " "})
    assert answer.status_code == 422
    assert "Message must be a text that is not empty." in answer.text
    assert 'value="&#34;&gt;&lt;b&gt;"' in answer.text
    assert entries.kept == []


async def test_a_form_of_another_kind_is_refused_with_a_page(app: App) -> None:
    """A person gets a page, not JSON."""
    answer = await app(
        "POST", "/", content=b"author=%ff", headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 400
    assert "That did not work" in answer.text
    assert (await app("POST", "/", json={})).status_code == 415


async def test_older_entries_are_a_link_away(app: App, entries: EntriesInMemory) -> None:
    """A page shows 50; the link leads to exactly the rest."""
    for number in range(52):
        await entries.add("Ada", f"number {number}.")
    first = (await app("GET", "/")).text
    assert first.count("<article") == 50
    assert 'href="/?before=3"' in first
    second = (await app("GET", "/?before=3")).text
    assert second.count("<article") == 2
    assert "Older" not in second


async def test_waiting_ends_at_once_when_there_is_something_new(app: App, entries: EntriesInMemory) -> None:
    """The long poll does not wait for what is already there."""
    await entries.add("Ada", "one")
    await entries.add("Ada", "two")
    answer = await app("GET", "/api/entries/wait?after=1&timeout=20")
    assert [entry["message"] for entry in answer.json()["entries"]] == ["two"]
    assert (await app("GET", "/api/entries/wait?after=2&timeout=0")).json() == {"entries": []}


async def test_without_its_database_it_is_alive_but_not_ready(app: App, entries: EntriesInMemory) -> None:
    """503 everywhere that needs the database; the version is still told, and nothing is gained by a restart."""
    assert (await app("GET", "/readyz")).status_code == 200
    entries.down = True
    assert (await app("GET", "/healthz")).status_code == 200
    assert (await app("GET", "/readyz")).status_code == 503
    assert (await app("GET", "/api/entries")).status_code == 503
    assert "does not answer" in (await app("GET", "/")).text
    assert (await app("GET", "/version")).json() == {"commit": "abc123", "digest": "sha256:" + "0" * 64}


async def test_a_database_that_hangs_is_asked_once_and_not_waited_for(
    app: App, entries: EntriesInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that fails over: who asks whether this process is ready has an answer in time."""
    monkeypatch.setattr(web, "READY_SECONDS", 0.01)
    back, asked = asyncio.Event(), list[int]()

    async def hang() -> None:
        asked.append(1)
        await back.wait()

    monkeypatch.setattr(entries, "ping", hang)
    for _ in range(3):
        assert (await app("GET", "/readyz")).status_code == 503
    assert len(asked) == 1
    back.set()
    assert (await app("GET", "/readyz")).status_code == 200


@pytest.mark.parametrize("started", [False])
async def test_before_its_database_has_answered_once_it_is_not_healthy(app: App) -> None:
    """A release that cannot reach the database never takes over."""
    assert (await app("GET", "/healthz")).status_code == 503


async def test_every_answer_protects_the_browser(app: App) -> None:
    """No script runs on a page, whatever it contains."""
    for path in ("/", "/static/style.css", "/none", "/api/entries"):
        assert "default-src 'none'" in (await app("GET", path)).headers["content-security-policy"]


async def test_a_request_leaves_one_log_line_without_its_query_or_body(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    """Logs are JSON, and hold what an operator needs but not what a visitor wrote."""
    caplog.set_level(logging.INFO, "guestbook")
    await app("POST", "/api/entries?token=hidden", json={"author": "Ada", "message": "private"})
    await app("GET", "/healthz")
    lines = [JsonLines().format(record) for record in caplog.records]
    assert len(lines) == 1
    assert {"path": "/api/entries", "status": 201, "method": "POST"}.items() <= json.loads(lines[0]).items()
    assert "hidden" not in lines[0]
    assert "private" not in lines[0]
