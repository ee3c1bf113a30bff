"""Requests that a client repeats because it did not get the answer: it gets that answer, and nothing happens twice.

AWS's SDKs number the attempts of one call (`amz-sdk-invocation-id`, `amz-sdk-request: attempt=2; max=25`). A lost
answer to a creation would else end in "already exists", and the resource would be nobody's.
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
    """The newest answers by invocation, while the process lives."""

    def __init__(self) -> None:
        """Start with none."""
        self._answers: OrderedDict[str, list[Message]] = OrderedDict()

    def known(self, headers: dict[str, str]) -> list[Message] | None:
        """Return the answer that an earlier attempt of this call was given, None where it is the first.

        Args:
            headers: the request's, names in lower case.
        """
        attempt = ATTEMPT.search(headers.get("amz-sdk-request", ""))
        if attempt is None or attempt[1] == "1":
            return None
        return self._answers.get(headers.get("amz-sdk-invocation-id", ""))

    def kept(self, headers: dict[str, str], method: str, send: Send) -> Send:
        """Return a `send` that also keeps a successful answer to a call that may change something."""
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
