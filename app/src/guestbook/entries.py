"""Entries: what one is, which are allowed, and where they are kept."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import AsyncConnection

    from guestbook.settings import Settings

    Pool = AsyncConnectionPool[AsyncConnection[Any]]

AUTHOR_LENGTH = 80
MESSAGE_LENGTH = 1000
# Any number will do for pg_advisory_xact_lock, as long as every instance takes the same.
SCHEMA_LOCK = 7_205_411
SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    author text NOT NULL,
    message text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One entry as stored."""

    id: int
    author: str
    message: str
    created_at: datetime

    def document(self) -> dict[str, object]:
        """The entry as the API answers it; the time is ISO 8601."""
        return {
            "id": self.id,
            "author": self.author,
            "message": self.message,
            "created_at": self.created_at.isoformat(),
        }


def _fault(value: object, longest: int) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return "must be a text that is not empty"
    if len(value.strip()) > longest:
        return f"must have at most {longest} characters"
    # Cc: control characters (PostgreSQL refuses NUL), Cs: halves of surrogate pairs, which UTF-8 cannot hold.
    if any(unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\r\t" for char in value):
        return "must not have control characters"
    return None


def faults(author: object, message: object) -> dict[str, str]:
    """Check an entry before it is stored.

    Args:
        author: who wrote it, as it came in.
        message: the text, as it came in.

    Returns:
        Field name to what is wrong with it; empty when the entry is good.
    """
    found = {"author": _fault(author, AUTHOR_LENGTH), "message": _fault(message, MESSAGE_LENGTH)}
    if found["author"] is None and any(char in "\n\r\t" for char in str(author).strip()):
        found["author"] = "must be one line"
    return {name: fault for name, fault in found.items() if fault}


def pool_for(settings: Settings) -> Pool:
    """A pool of checked connections, still closed; it connects in the background once opened."""
    return AsyncConnectionPool(
        kwargs={
            "host": settings.database_host,
            "port": settings.database_port,
            "dbname": settings.database_name,
            "user": settings.database_user,
            "password": settings.database_password,
            "sslmode": settings.database_sslmode,
            "connect_timeout": 5,
            "application_name": "guestbook",
            "options": "-c statement_timeout=10000",
        },
        check=AsyncConnectionPool.check_connection,
        min_size=1,
        max_size=10,
        timeout=5,
        reconnect_timeout=30,
        open=False,
    )


class Entries:
    """The entries in the database behind `pool`; every method raises `psycopg.Error` when it cannot be reached."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def prepare(self) -> None:
        """Create what is missing of the schema; safe when several instances do it at the same moment."""
        async with self._pool.connection() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
            await connection.execute(SCHEMA)

    async def ping(self) -> None:
        """Prove that the table can be read."""
        async with self._pool.connection(timeout=2) as connection:
            await connection.execute("SELECT 1 FROM entries LIMIT 1")

    async def add(self, author: str, message: str) -> Entry:
        """Store a checked entry and return it."""
        insert = "INSERT INTO entries (author, message) VALUES (%s, %s) RETURNING id, author, message, created_at"
        rows = await self._rows(insert, (author, message))
        return rows[0]

    async def latest(self, *, limit: int, before: int | None = None) -> list[Entry]:
        """At most `limit` entries, newest first, older than the one with id `before`."""
        query = (
            "SELECT id, author, message, created_at FROM entries"
            " WHERE %(before)s::bigint IS NULL OR id < %(before)s ORDER BY id DESC LIMIT %(limit)s"
        )
        return await self._rows(query, {"before": before, "limit": limit})

    async def newer(self, after: int, *, limit: int) -> list[Entry]:
        """At most `limit` entries newer than the one with id `after`, oldest first."""
        query = "SELECT id, author, message, created_at FROM entries WHERE id > %s ORDER BY id LIMIT %s"
        return await self._rows(query, (after, limit))

    async def _rows(self, query: str, parameters: Any) -> list[Entry]:  # noqa: ANN401 - psycopg's own type
        async with self._pool.connection() as connection, connection.cursor(row_factory=class_row(Entry)) as cursor:
            await cursor.execute(query, parameters)
            return await cursor.fetchall()
