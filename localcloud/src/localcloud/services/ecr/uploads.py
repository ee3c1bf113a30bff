"""Blob uploads in progress."""

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
"""Limit of a layer. ECR's is 52,000 MB; local builds do not need that."""
IDLE_SECONDS = 3600
"""Idle time after which an upload is discarded."""


@dataclass(slots=True)
class Upload:
    """A blob upload."""

    repository: str
    path: Path
    hash: Any = field(default_factory=hashlib.sha256)
    size: int = 0
    busy: bool = False
    """Whether a request is writing to it."""
    touched: float = field(default_factory=time.monotonic)


class Uploads:
    """All uploads by identifier, in memory."""

    def __init__(self, folder: Path) -> None:
        """Store uploads in a folder."""
        self._folder = folder
        self.rows: dict[str, Upload] = {}

    def begin(self, repository: str) -> str:
        """Start an upload and return its identifier; discard idle uploads."""
        for key, upload in list(self.rows.items()):
            if not upload.busy and time.monotonic() - upload.touched > IDLE_SECONDS:
                self.drop(key)
        identifier = str(uuid.uuid4())
        new = Upload(repository, self._folder / identifier)
        new.path.touch()
        self.rows[identifier] = new
        return identifier

    def drop(self, key: str) -> None:
        """Discard an upload."""
        self.rows.pop(key).path.unlink(missing_ok=True)

    def find(self, repository: str, key: str) -> Upload:
        """Return an upload of a repository that no other request is writing to.

        Raises:
            ApiError: it does not exist, or is busy: data written after the digest check would be unverified.
        """
        found = self.rows.get(key)
        if found is None or found.repository != repository:
            raise ApiError("UploadNotFoundException", f"no upload {key[:40]} to {repository} goes on")
        if found.busy:
            raise ApiError("InvalidLayerPartException", f"another request adds to the upload {key}")
        return found

    async def receive(self, request: Request, upload: Upload) -> None:
        """Append a request's body to an upload.

        Raises:
            LimitError: it is too large, or the disk is full; the upload is discarded.
            OSError: it cannot be written; the upload is discarded.
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
    """Refuse a blob that is too large."""
    if size > BLOB_BYTES:
        raise limits.too_large(BLOB_BYTES)
