"""Durable documents in one SQLite file with a write-ahead log."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from localcloud.gateway.limits import LimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Document = dict[str, Any]


class Store:
    """JSON documents by kind and key.

    A write is durable when the call returns: a killed process loses nothing. (The log is not synced to the disk at
    every write, so a power failure may lose the last ones, but never corrupts the file.)
    All methods are thread-safe.
    """

    def __init__(self, path: Path) -> None:
        """Open the store, creating the file if it does not exist.

        Args:
            path: the SQLite file; its folder must exist.
        """
        self._lock = threading.RLock()
        self._depth = 0
        self._undos: list[Callable[[], None]] = []
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS documents (kind TEXT, key TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, key))"
        )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn a write error of SQLite into a LimitError.

        Raises:
            LimitError: the disk is full.
        """
        try:
            yield
        except sqlite3.OperationalError as error:
            text = f"the state cannot be written, so nothing is changed: {error}: free some space, then try again"
            raise LimitError(403, "LimitExceededException", text) from error

    def put(self, kind: str, key: str, document: Document) -> None:
        """Add or replace the document of a key.

        Raises:
            TypeError: the document cannot be serialized as JSON.
            LimitError: the disk is full.
        """
        body = json.dumps(document)
        with self._lock, self._writing():
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
        """Remove a document; a missing one is no error.

        Raises:
            LimitError: the disk is full.
        """
        with self._lock, self._writing():
            self._db.execute("DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key))

    def all(self, kind: str) -> dict[str, Document]:
        """Return copies of all documents of a kind by key, in order of creation."""
        with self._lock:
            rows = self._db.execute("SELECT key, body FROM documents WHERE kind = ? ORDER BY rowid", (kind,)).fetchall()
        return {key: json.loads(body) for key, body in rows}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the writes inside as one transaction, rolled back on an exception. Other threads wait meanwhile.

        Raises:
            LimitError: the disk is full.
        """
        with self._lock:
            if self._depth:
                yield
                return
            with self._writing():
                self._db.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield
                with self._writing():
                    self._db.execute("COMMIT")
            except BaseException:  # cancellation too: all or nothing is written
                self._undo()
                raise
            finally:
                self._depth, self._undos = 0, []

    def _undo(self) -> None:
        """Roll a transaction back, in the file and in the tables' memory."""
        if self._db.in_transaction:  # SQLite may have rolled back by itself
            self._db.execute("ROLLBACK")
        for undo in reversed(self._undos):
            undo()

    def on_undo(self, undo: Callable[[], None]) -> None:
        """Register a callback for a rollback of the current transaction; without a transaction it is never called."""
        if self._depth:
            self._undos.append(undo)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()
