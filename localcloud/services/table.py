"""Documents of one kind in memory, each change written through to the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localcloud.store import Store

Doc = dict[str, Any]


class Table:
    """All documents of a kind by key; read them freely, change them in place, then `save`."""

    def __init__(self, store: Store, kind: str) -> None:
        """Read what the store holds of the kind."""
        self._store, self._kind = store, kind
        self.rows: dict[str, Doc] = store.all(kind)

    def get(self, key: str) -> Doc | None:
        """Return the document itself (not a copy), or None."""
        return self.rows.get(key)

    def put(self, key: str, doc: Doc) -> Doc:
        """Add or replace a document; it is durable on return."""
        self._store.put(self._kind, key, doc)
        self.rows[key] = doc
        return doc

    def save(self, key: str) -> None:
        """Write a document that was changed in place; one removed meanwhile stays removed."""
        if key in self.rows:
            self._store.put(self._kind, key, self.rows[key])

    def delete(self, key: str) -> None:
        """Remove a document; one that is not there is fine."""
        self._store.delete(self._kind, key)
        self.rows.pop(key, None)

    def clear(self) -> None:
        """Remove all documents."""
        for key in list(self.rows):
            self.delete(key)

    def values(self) -> list[Doc]:
        """Return the documents, oldest first, as a list that may be walked while documents come and go."""
        return list(self.rows.values())
