"""Limits enforced on every request before a service sees it: valid headers, the size of the body, free disk space."""

from __future__ import annotations

import ipaddress
import json
import re
import shutil
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from starlette.types import Message, Receive, Scope

API_BYTES = 16 * 2**20
"""Limit of an API request's body; AWS's own limits are lower."""
OBJECT_BYTES = 512 * 2**20
"""Limit of an S3 upload: ministack keeps it in memory."""
DELIVERY_BYTES = 25 * 2**20
"""Limit of a body posted to a webhook or another control page: GitHub's limit of a webhook payload."""
REST_BYTES = 4 * 2**20
"""Limit of a GitHub REST API body; the longest text that the API accepts has 65,536 characters."""
ROOM_BYTES = 64 * 2**20
"""Free space below which nothing new is started, so that running work can still save its state."""
ONCE = ("authorization", "content-type", "host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token",
        "x-amz-target", "x-hub-signature", "x-hub-signature-256")  # fmt: skip
"""Headers that must not be repeated: two parts of the local cloud might each read a different one."""
HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253})(:[0-9]{1,5})?")
FREES = re.compile(
    r"(Batch)?(Delete|Remove|Stop|Terminate|Disable|Deregister|Detach|Untag|Abort|Release|Revoke)|DELETE "
)
"""Prefixes of operations that free space or stop whatever uses it."""


class LimitError(Exception):
    """A request that is too large, or for which there is no disk space."""

    def __init__(self, status: int, code: str, message: str) -> None:
        """Set the HTTP status, AWS's error code and a one-line message."""
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class GoneError(Exception):
    """The client disconnected before its body was complete, so no response can be sent."""


def too_large(most: int) -> LimitError:
    """Return the error for a body over its limit in bytes."""
    return LimitError(413, "RequestEntityTooLarge", f"a request's body may have {most} bytes at most")


def decoded(body: bytes | str) -> Any:
    """Return the value of untrusted JSON.

    Raises:
        ValueError: it is not JSON, is nested too deeply, or contains NaN, Infinity or a lone surrogate.
    """

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON")

    try:
        found = json.loads(body, parse_constant=refuse)
        json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return found


async def whole(receive: Receive, most: int, headers: Mapping[str, str]) -> tuple[bytes, Receive]:
    """Read a complete body; return it and a `receive` that replays it.

    Raises:
        LimitError: it has more bytes than `most`, by its Content-Length or as received.
        GoneError: the client disconnected; a partial body must not be taken for a complete one.
    """
    if int(headers.get("content-length") or 0) > most:  # always digits: httptools accepts nothing else
        raise too_large(most)
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise too_large(most)
        more = message.get("more_body", False)
    body = b"".join(parts)
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return body, again


def wrong(scope: Scope) -> str | None:
    """Return one line about what is wrong with a request's headers, or None."""
    counts = Counter(name.decode("latin-1").lower() for name, _ in scope["headers"])
    if twice := sorted(name for name in ONCE if counts[name] > 1):
        return f"the header {twice[0]} is there {counts[twice[0]]} times; once is right"
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    if counts["upgrade"] and ("content-length" in headers or "transfer-encoding" in headers):
        return "a request that asks for another protocol may have no body here: leave the header Upgrade out"
    if not is_here(headers.get("host", "")) and ("host" in headers or scope["http_version"] == "1.1"):
        return f"the host {headers.get('host', '')[:80]!r} is not this machine: use localhost or an address"
    try:
        path = unquote_to_bytes(scope.get("raw_path") or b"").decode()
    except UnicodeDecodeError:
        return "the path is no UTF-8"
    return "the path has a control character in it" if re.search(r"[\x00-\x1f\x7f]", path) else None


def is_here(host: str) -> bool:
    """Tell whether a Host header names this machine, which prevents DNS rebinding by web pages.

    Addresses, names without a dot, and names below localhost and internal cannot belong to anyone in the public DNS.
    """
    found = HOST.fullmatch(host)
    if found is None:
        return False
    name = found["name"].lower()
    if "." not in name or name.endswith((".localhost", ".internal")):
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def unsigned(headers: Mapping[str, str], method: str, query: bytes, service: str) -> str | None:
    """Return one line saying that a request's signature is missing or incomplete, or None if it is acceptable.

    Args:
        headers: by lower-case name.
        method: the HTTP method.
        query: the raw query string.
        service: the service that the request is signed for, "" if unsigned.
    """
    given = headers.get("authorization", "")
    if given.startswith("AWS4-") and not all(part in given for part in ("Credential=", "SignedHeaders=", "Signature=")):
        return "the Authorization header has to have Credential, SignedHeaders and Signature"
    if b"X-Amz-Credential=" in query and b"X-Amz-Signature=" not in query:
        return "the query has X-Amz-Credential without X-Amz-Signature"
    if service == "" and (method not in ("GET", "HEAD", "OPTIONS") or b"Action=" in query or "x-amz-target" in headers):
        return "the request is not signed; only S3's objects may be read so: use an AWS client, any key will do"
    return None


def require_room(folder: Path) -> None:
    """Check that the disk of a folder has space to write to.

    Raises:
        LimitError: the disk is too full.
    """
    if message := no_room(folder):
        raise LimitError(403, "LimitExceededException", message)


def no_room(folder: Path) -> str | None:
    """Return one line saying that the disk of a folder is too full to start anything, or None."""
    free = shutil.disk_usage(folder).free
    if free >= ROOM_BYTES:
        return None
    text = f"the disk of {folder} has {free // 2**20} MiB free, the local cloud begins nothing below"
    return f"{text} {ROOM_BYTES // 2**20} MiB: free some space, then try again"
