"""One line of JSON per request, without bodies, queries or headers: nothing secret."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from pathlib import Path

TEXT_AT_MOST = 500
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
SECRET = re.compile(r"(/webhooks/[^/]{4})[^/]+")
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
    caller: str = ""
    """The access key of the role's session that signed it, or "operator"."""


class OneLine(logging.Formatter):
    """Messages in one line each, whatever names and refs in them hold; tracebacks, which are ours, as they are."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's name
        """Return the message with its line ends and other control characters spelled out."""
        return CONTROL.sub(lambda found: repr(found[0])[1:-1], super().formatMessage(record))


class RequestLog:
    """The file `requests.jsonl`."""

    def __init__(self, path: Path) -> None:
        """Open the log for appending, after putting a large one aside."""
        if path.exists() and path.stat().st_size > KEPT_BYTES:
            path.replace(path.with_suffix(".1.jsonl"))
        self._stream = path.open("ab", buffering=0)

    def write(self, entry: Entry) -> None:
        """Append a request; a full disk keeps nobody from being answered."""
        row = {"time": round(time.time(), 3), **asdict(entry)}
        row |= {name: shown(row[name]) for name in ("path", "operation")}
        with contextlib.suppress(OSError):
            self._stream.write(f"{json.dumps(row)}\n".encode())


def shown(text: str) -> str:
    """Return a path or operation as it is logged: without the word that makes a webhook's address a secret."""
    return SECRET.sub(r"\1...", text)[:TEXT_AT_MOST]


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
