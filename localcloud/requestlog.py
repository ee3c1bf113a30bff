"""One line of JSON per request, without bodies, queries or headers: nothing secret."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from pathlib import Path

KEPT_BYTES = 20 * 2**20
"""A log beyond this size is put aside (one earlier file is kept)."""


@dataclass(kw_only=True, slots=True)
class Entry:
    """What is written about a request."""

    service: str
    method: str
    path: str
    operation: str = ""
    status: int = 0
    milliseconds: int = 0
    agent: str = ""


class RequestLog:
    """The file `requests.jsonl`."""

    def __init__(self, path: Path) -> None:
        """Open the log for appending, after putting a large one aside."""
        if path.exists() and path.stat().st_size > KEPT_BYTES:
            path.replace(path.with_suffix(".1.jsonl"))
        self._stream = path.open("a", buffering=1)

    def write(self, entry: Entry) -> None:
        """Append a request."""
        self._stream.write(json.dumps({"time": round(time.time(), 3), **asdict(entry)}) + "\n")


def operation_in(headers: dict[str, str], path: str, method: str, form: bytes) -> str:
    """Return the operation's name, or method and path where the protocol has no name.

    Args:
        headers: the request's, names in lower case.
        path: without the query, which may hold a signature.
        method: of HTTP.
        form: the body of a form, else empty.
    """
    target = headers.get("x-amz-target", "")
    if target:
        return target.rpartition(".")[2]
    if "/operation/" in path:
        return path.rpartition("/")[2]
    action = parse_qs(form.decode("utf-8", "replace")).get("Action")
    return action[0] if action else f"{method} {path}"
