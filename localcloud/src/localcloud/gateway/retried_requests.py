"""Retries of requests whose response was lost: the saved response is replayed, so that nothing happens twice.

AWS's SDKs number the attempts of one call (`amz-sdk-invocation-id`, `amz-sdk-request: attempt=2; max=25`). Without
this, a lost response to a creation would end in "already exists", and leave an orphaned resource.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Message, Send

KEPT = 500
BODY_BYTES = 2**18
ATTEMPT = re.compile(r"\battempt=(\d+)")


class Repeats:
    """The most recent responses by invocation id, in memory."""

    def __init__(self) -> None:
        """Start empty."""
        self._answers: OrderedDict[str, list[Message]] = OrderedDict()

    def known(self, headers: dict[str, str]) -> list[Message] | None:
        """Return the response to an earlier attempt of this call, or None for a first attempt.

        Args:
            headers: the request's headers, by lower-case name.
        """
        attempt = ATTEMPT.search(headers.get("amz-sdk-request", ""))
        if attempt is None or attempt[1] == "1":
            return None
        return self._answers.get(headers.get("amz-sdk-invocation-id", ""))

    def kept(self, headers: dict[str, str], method: str, send: Send) -> Send:
        """Return a `send` that also saves a successful response if the call may have changed something."""
        invocation = headers.get("amz-sdk-invocation-id")
        if invocation is None or method != "POST":
            return send
        answer: list[Message] = []

        async def keeping(message: Message) -> None:
            answer.append(message)
            over = message["type"] == "http.response.body" and not message.get("more_body", False)
            if over and self._worth_keeping(answer):
                self._answers[invocation] = answer
                while len(self._answers) > KEPT:
                    self._answers.popitem(last=False)
            await send(message)

        return keeping

    @staticmethod
    def _worth_keeping(answer: list[Message]) -> bool:
        size = sum(len(message.get("body", b"")) for message in answer)
        return answer[0].get("status", 500) < 300 and size < BODY_BYTES  # noqa: PLR2004 - HTTP's and AWS's own numbers
