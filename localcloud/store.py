"""Documents that survive a kill: one SQLite file with a write-ahead log."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Document = dict[str, Any]


class Store:
    """JSON documents by kind and key.

    A write is durable when the call returns: a killed process loses nothing. (The log is not synced to the disk at
    every write, so a power cut may lose the last ones, but never leaves a broken file.)
    Every method may be called from every thread.
    """

    def __init__(self, path: Path) -> None:
        """Open the store, making the file where there is none.

        Args:
            path: the SQLite file; its folder has to exist.
        """
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS documents (kind TEXT, key TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, key))"
        )

    def put(self, kind: str, key: str, document: Document) -> None:
        """Write a document over whatever the key held.

        Raises:
            TypeError: the document is not JSON.
        """
        body = json.dumps(document)
        with self._lock:
            self._db.execute(
                "INSERT INTO documents VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
                (kind, key, body),
            )

    def get(self, kind: str, key: str) -> Document | None:
        """Return a copy of the document, or None."""
        with self._lock:
            row = self._db.execute("SELECT body FROM documents WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return None if row is None else json.loads(row[0])

    def delete(self, kind: str, key: str) -> None:
        """Remove a document; one that is not there is fine."""
        with self._lock:
            self._db.execute("DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key))

    def all(self, kind: str) -> dict[str, Document]:
        """Return copies of all documents of a kind by key, in the order in which they were first written."""
        with self._lock:
            rows = self._db.execute("SELECT key, body FROM documents WHERE kind = ? ORDER BY rowid", (kind,)).fetchall()
        return {key: json.loads(body) for key, body in rows}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the writes inside all or nothing; an exception undoes them. Other threads wait meanwhile."""
        with self._lock:
            outermost = self._depth == 0
            if outermost:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                if outermost:
                    self._db.execute("ROLLBACK")
                raise
            else:
                if outermost:
                    self._db.execute("COMMIT")
            finally:
                self._depth -= 1

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()
