"""Blobs on their way into the registry."""

from __future__ import annotations

import hashlib
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from localcloud.gateway import limits
from localcloud.gateway.protocol import ApiError

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

BLOB_BYTES = 10 * 2**30
"""Limit of a layer. ECR's is 52,000 MB; no machine that this runs on has builds for that."""
IDLE_SECONDS = 3600
"""An upload that got nothing for so long is given up."""


@dataclass(slots=True)
class Upload:
    """One of them."""

    repository: str
    path: Path
    hash: Any = field(default_factory=hashlib.sha256)
    size: int = 0
    busy: bool = False
    """A request is adding to it."""
    touched: float = field(default_factory=time.monotonic)


class Uploads:
    """All of them, by identifier, while the process lives."""

    def __init__(self, folder: Path) -> None:
        """Keep them in a folder."""
        self._folder = folder
        self.rows: dict[str, Upload] = {}

    def begin(self, repository: str) -> str:
        """Begin one and return its identifier; those that nobody goes on with are given up."""
        for key, upload in list(self.rows.items()):
            if not upload.busy and time.monotonic() - upload.touched > IDLE_SECONDS:
                self.drop(key)
        identifier = str(uuid.uuid4())
        new = Upload(repository, self._folder / identifier)
        new.path.touch()
        self.rows[identifier] = new
        return identifier

    def drop(self, key: str) -> None:
        """Give one up."""
        self.rows.pop(key).path.unlink(missing_ok=True)

    def find(self, repository: str, key: str) -> Upload:
        """Return one that goes on in a repository and that no other request is adding to.

        Raises:
            ApiError: there is none, or it is busy: what is added after the digest was checked would not be checked.
        """
        found = self.rows.get(key)
        if found is None or found.repository != repository:
            raise ApiError("UploadNotFoundException", f"no upload {key[:40]} to {repository} goes on")
        if found.busy:
            raise ApiError("InvalidLayerPartException", f"another request adds to the upload {key}")
        return found

    async def receive(self, request: Request, upload: Upload) -> None:
        """Add a request's body to an upload.

        Raises:
            LimitError: it becomes too large, or leaves no room; the upload is given up.
            OSError: it cannot be written; likewise.
        """
        upload.busy = True
        try:
            bounded(upload.size + int(request.headers.get("content-length") or 0))
            with upload.path.open("ab") as stream:
                async for chunk in request.stream():
                    bounded(upload.size + len(chunk))
                    limits.require_room(self._folder)
                    stream.write(chunk)
                    upload.hash.update(chunk)
                    upload.size += len(chunk)
        except (limits.LimitError, OSError):
            self.drop(upload.path.name)
            raise
        finally:
            upload.busy, upload.touched = False, time.monotonic()


def bounded(size: int) -> None:
    """Refuse a blob of too many bytes."""
    if size > BLOB_BYTES:
        raise limits.too_large(BLOB_BYTES)
