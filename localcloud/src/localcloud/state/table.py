"""Documents of one kind in memory, written through to the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.gateway.limits import LimitError

if TYPE_CHECKING:
    from localcloud.state.store import Store

Doc = dict[str, Any]


class Table:
    """All documents of a kind by key; read them freely, or modify them in place, then `save`."""

    def __init__(self, store: Store, kind: str) -> None:
        """Load the documents of the kind from the store."""
        self._store, self._kind = store, kind
        self.rows: dict[str, Doc] = store.all(kind)

    def get(self, key: str) -> Doc | None:
        """Return the document itself (not a copy), or None."""
        return self.rows.get(key)

    def put(self, key: str, doc: Doc) -> Doc:
        """Add or replace a document; durable on return.

        Raises:
            LimitError: the disk is full; nothing is changed.
        """
        self._store.put(self._kind, key, doc)
        self._store.on_undo(lambda: self._reread(key))
        self.rows[key] = doc
        return doc

    def save(self, key: str) -> None:
        """Write a document that was modified in place; one removed meanwhile stays removed.

        Raises:
            LimitError: the disk is full; the modification is undone.
        """
        if key not in self.rows:
            return
        self._store.on_undo(lambda: self._reread(key))
        try:
            self._store.put(self._kind, key, self.rows[key])
        except LimitError:
            self._reread(key)
            raise

    def delete(self, key: str) -> None:
        """Remove a document; a missing one is no error."""
        self._store.delete(self._kind, key)
        self._store.on_undo(lambda: self._reread(key))
        self.rows.pop(key, None)

    def _reread(self, key: str) -> None:
        """Restore the document in place from the store, so that all references to it see the restored content."""
        kept, held = self._store.get(self._kind, key), self.rows.get(key)
        if kept is None:
            self.rows.pop(key, None)
        elif held is None:
            self.rows[key] = kept
        else:
            held.clear()
            held.update(kept)

    def clear(self) -> None:
        """Remove all documents."""
        for key in list(self.rows):
            self.delete(key)

    def values(self) -> list[Doc]:
        """Return the documents, oldest first, as a list that stays valid while documents are added and removed."""
        return list(self.rows.values())
