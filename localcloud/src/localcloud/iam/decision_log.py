"""The decision log: what each role was allowed and refused, one line of JSON for each different request."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING

from localcloud.gateway.request_log import opened

if TYPE_CHECKING:
    from pathlib import Path

    from localcloud.iam.policies import Ask

REMEMBERED = 20_000
"""Decisions that are not written twice; then all are forgotten, and written once more."""


class DecisionLog:
    """The file `decisions.jsonl`, from which the policy of a role can be written."""

    def __init__(self, path: Path) -> None:
        """Open the log for appending, after rotating one that is too large."""
        self._stream, self._seen = opened(path), set[str]()

    def write(self, role: str, ask: Ask, reason: str) -> None:
        """Append a decision unless it has been written; a full disk does not fail the request.

        Args:
            role: the role's ARN.
            ask: what had to be authorized.
            reason: of the refusal, "" if it was allowed.
        """
        row = {"role": role, "action": ask.action, "resource": ask.resource, "keys": ask.keys, "refused": reason}
        text = json.dumps(row, sort_keys=True)
        if text in self._seen:
            return
        if len(self._seen) >= REMEMBERED:
            self._seen.clear()
        self._seen.add(text)
        with contextlib.suppress(OSError):
            self._stream.write(f"{json.dumps({'time': round(time.time(), 3)} | row)}\n".encode())
