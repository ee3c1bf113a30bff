"""An answer's headers and body leave in one piece.

uvicorn writes them one after the other. When a thread takes the interpreter in between, the AWS provider, which has
the headers, gives the connection up and asks again (seen in a trace: it closes 1 ms after the headers, before the
body): what was made is then asked for twice.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

AT_ONCE = 2**16
"""Bytes from which on waiting for more would only cost memory."""


class Joining:
    """A transport whose writes of one turn of the event loop become one."""

    def __init__(self, transport: Any) -> None:  # noqa: ANN401 - whatever asyncio hands out
        """Take the transport that really writes."""
        self._transport = transport
        self._pending = bytearray()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Leave all else to the transport."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write with whatever else is written in this turn."""
        if not self._pending:
            asyncio.get_running_loop().call_soon(self.flush)
        self._pending += data
        if len(self._pending) >= AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._pending and not self._transport.is_closing():
            self._transport.write(bytes(self._pending))
        self._pending.clear()

    def close(self) -> None:
        """Write what waits, then close."""
        self.flush()
        self._transport.close()


class JoinedHttp(HttpToolsProtocol):
    """uvicorn's protocol on such a transport."""

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401
        """Begin a connection."""
        super().connection_made(Joining(transport))  # type: ignore[arg-type]
