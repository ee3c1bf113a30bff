"""How the page reads and changes things: by the operations of the AWS APIs, like any other client of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.gateway.protocol import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Doc = dict[str, Any]


class ServedApi(Protocol):
    """An API that this process serves itself."""

    async def call(self, name: str, params: Doc) -> Doc:
        """Return the result of an operation."""
        ...


@dataclass(frozen=True, slots=True)
class LogPage:
    """Events of a log stream, and where to go on reading."""

    lines: list[str]
    token: str


class Operations:
    """The operations of the APIs that the page uses."""

    def __init__(self, apis: Mapping[str, ServedApi], logs: Callable[[], Any]) -> None:
        """Take the APIs by botocore's name.

        Args:
            apis: those that this process serves itself; they are called without HTTP.
            logs: returns the boto3 client of CloudWatch Logs; called in threads.
        """
        self._apis, self._logs = apis, logs

    async def __call__(self, api: str, operation: str, /, **params: object) -> Doc:
        """Return the result of an operation.

        Raises:
            ApiError: the service refuses.
        """
        return await self._apis[api].call(operation, params)

    async def log(self, group: str, stream: str, *, token: str = "", most: int = 1000, end: bool = False) -> LogPage:
        """Return events of a log stream; none if it does not exist yet.

        Args:
            group: the log group's name.
            stream: the log stream's name.
            token: where an earlier page of this stream ended, empty for its start.
            most: the number of events at most.
            end: the last events rather than the first.

        Raises:
            ApiError: CloudWatch Logs refuses, or does not answer.
        """
        where = {"logGroupName": group, "logStreamName": stream, "limit": most, "startFromHead": not end}
        return await asyncio.to_thread(self._events, where | ({"nextToken": token} if token else {}))

    def _events(self, where: Doc) -> LogPage:
        client = self._logs()
        try:
            found = client.get_log_events(**where)
        except client.exceptions.ResourceNotFoundException:
            return LogPage([], "")
        except ClientError as error:
            raise ApiError(error.response["Error"]["Code"], error.response["Error"]["Message"]) from error
        except BotoCoreError as error:
            raise ApiError("ServiceUnavailable", str(error)) from error
        return LogPage([event["message"].rstrip("\n") for event in found["events"]], found["nextForwardToken"])
