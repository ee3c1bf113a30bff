"""The request log: one line of JSON per request, without bodies, query strings or headers, hence without secrets."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from pathlib import Path

TEXT_AT_MOST = 500
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
SECRET = re.compile(r"(/webhooks/[^/]{4})[^/]+")
KEPT_BYTES = 20 * 2**20
"""Size above which the log is rotated (one old file is kept)."""


@dataclass(kw_only=True, slots=True)
class Entry:
    """The log entry of a request."""

    service: str
    method: str
    path: str
    operation: str = ""
    status: int = 0
    milliseconds: int = 0
    agent: str = ""
    caller: str = ""
    """The access key of the role session that signed the request, or "operator"."""


class OneLine(logging.Formatter):
    """Formats each message as one line, whatever untrusted names it contains; tracebacks are left unchanged."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's name
        """Return the message with line breaks and other control characters escaped."""
        return CONTROL.sub(lambda found: repr(found[0])[1:-1], super().formatMessage(record))


class RequestLog:
    """The file `requests.jsonl`."""

    def __init__(self, path: Path) -> None:
        """Open the log for appending, after rotating one that is too large."""
        self._stream = opened(path)

    def write(self, entry: Entry) -> None:
        """Append an entry; a full disk does not fail the request."""
        row = {"time": round(time.time(), 3), **asdict(entry)}
        row |= {name: shown(row[name]) for name in ("path", "operation")}
        with contextlib.suppress(OSError):
            self._stream.write(f"{json.dumps(row)}\n".encode())


def opened(path: Path) -> BinaryIO:
    """Open a log of JSON lines for appending, without a buffer, after rotating one that is too large."""
    if path.exists() and path.stat().st_size > KEPT_BYTES:
        path.replace(path.with_suffix(".1.jsonl"))
    return cast("BinaryIO", path.open("ab", buffering=0))


def shown(text: str) -> str:
    """Return a path or operation as logged: with the secret part of a webhook URL removed."""
    return SECRET.sub(r"\1...", text)[:TEXT_AT_MOST]


def operation_in(headers: dict[str, str], path: str, method: str, form: bytes) -> str:
    """Return the operation's name, or method and path where the protocol does not name operations.

    Args:
        headers: the request's headers, by lower-case name.
        path: without the query string, which may contain a signature.
        method: the HTTP method.
        form: the form-encoded body, else empty.
    """
    target = headers.get("x-amz-target", "")
    if target:
        return target.rpartition(".")[2]
    if "/operation/" in path:
        return path.rpartition("/")[2]
    action = parse_qs(form.decode("utf-8", "replace")).get("Action")
    return action[0] if action else f"{method} {path}"
