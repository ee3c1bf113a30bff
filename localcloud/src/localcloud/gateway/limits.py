"""What any request is held to before a service sees it: its head, and the size of its body."""

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
"""Limit of an API request's body; AWS's own limits are below it."""
OBJECT_BYTES = 512 * 2**20
"""Limit of an S3 upload: ministack holds it in memory."""
DELIVERY_BYTES = 25 * 2**20
"""Limit of what is posted to a webhook or another control page: GitHub's own limit of a payload."""
REST_BYTES = 4 * 2**20
"""Limit of a body of GitHub's REST API; the longest text that it takes has 65,536 characters."""
ROOM_BYTES = 64 * 2**20
"""Free space below which nothing new is begun, so that what is under way can still be written down."""
ONCE = ("authorization", "content-type", "host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token",
        "x-amz-target", "x-hub-signature", "x-hub-signature-256")  # fmt: skip
"""Headers that decide: of two that differ, one part of the local cloud might believe one and one the other."""
HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253})(:[0-9]{1,5})?")
FREES = re.compile(
    r"(Batch)?(Delete|Remove|Stop|Terminate|Disable|Deregister|Detach|Untag|Abort|Release|Revoke)|DELETE "
)
"""Beginnings of operations that give space back, or end what uses it."""


class LimitError(Exception):
    """A request that is too large, or that there is no room for."""

    def __init__(self, status: int, code: str, message: str) -> None:
        """Keep HTTP's status, AWS's name of it and one line."""
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class GoneError(Exception):
    """The client went away before its body was whole; there is nobody to answer."""


def too_large(most: int) -> LimitError:
    """Return the error for a body over its limit in bytes."""
    return LimitError(413, "RequestEntityTooLarge", f"a request's body may have {most} bytes at most")


def decoded(body: bytes | str) -> Any:
    """Return what JSON from outside says.

    Raises:
        ValueError: it is no JSON, is nested too deeply, or has a number that is none (NaN) or a lone surrogate in it.
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
    """Read a body whole; return it and a receive that gives it once more.

    Raises:
        LimitError: it has more bytes than `most`, said beforehand or not.
        GoneError: it was cut off; half a body must not be taken for a whole one.
    """
    if int(headers.get("content-length") or 0) > most:  # digits: httptools takes nothing else
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
    """Return in one line what is wrong with a request's head, or None."""
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
    """Say whether a Host header means this machine: a page of the web must not reach us by a name that leads here.

    Addresses, names without a dot, and names below localhost and internal cannot be anybody's in the public DNS.
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
    """Return in one line why a request's signature is not there, or only half of it; None where it may pass.

    Args:
        headers: names in lower case.
        method: of HTTP.
        query: as it came.
        service: what the request is signed for, "" for none.
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
    """Refuse to write more to a full disk.

    Raises:
        LimitError: it is too full.
    """
    if message := no_room(folder):
        raise LimitError(403, "LimitExceededException", message)


def no_room(folder: Path) -> str | None:
    """Return in one line that the disk of a folder is too full to begin anything, or None."""
    free = shutil.disk_usage(folder).free
    if free >= ROOM_BYTES:
        return None
    text = f"the disk of {folder} has {free // 2**20} MiB free, the local cloud begins nothing below"
    return f"{text} {ROOM_BYTES // 2**20} MiB: free some space, then try again"
