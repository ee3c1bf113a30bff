"""uvicorn's HTTP protocol: an answer's headers and body leave in one piece, and a head has a limit.

uvicorn writes them one after the other. When a thread takes the interpreter in between, the AWS provider, which has
the headers, gives the connection up and asks again (seen in a trace: it closes 1 ms after the headers, before the
body): what was made is then asked for twice.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 2**16
"""Limit of a request's line and headers: that of AWS's Application Load Balancer, 64 KB."""
AT_ONCE = 2**16
"""Bytes from which on waiting for more would only cost memory."""
LOG = logging.getLogger("localcloud.gateway.application")


class Joining:
    """A transport whose writes of one turn of the event loop become one."""

    def __init__(self, transport: Any) -> None:
        """Take the transport that really writes."""
        self._transport = transport
        self._pending = bytearray()

    def __getattr__(self, name: str) -> Any:
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


class HeadError(Exception):
    """A request's head is too large."""


class JoinedHttp(HttpToolsProtocol):
    """uvicorn's protocol on such a transport, with a limit that it lacks: of the size of a head."""

    _head, _pieces = 0, 0
    """Bytes of the head under way: what is parsed, and what came after its first piece."""
    _in_head, _tls = False, False

    def connection_made(self, transport: Any) -> None:
        """Begin a connection."""
        super().connection_made(Joining(transport))  # type: ignore[arg-type]  # all that uvicorn uses of a transport

    def data_received(self, data: bytes) -> None:
        """Take what came; a head that has no end is cut off."""
        self._tls = data.startswith(b"\x16\x03")
        went_on = self._in_head
        super().data_received(data)
        if went_on and self._in_head:
            self._pieces += len(data)
            if self._pieces > HEAD_BYTES:
                self.send_400_response("")

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, and close; an answer that has begun is cut off instead."""
        if self.transport.is_closing():
            return
        if max(self._head, self._pieces) > HEAD_BYTES:
            msg = f"The request's head may have {HEAD_BYTES} bytes at most."
        if not self._tls:  # Docker tries TLS before it speaks HTTP
            LOG.warning("a request from %s was refused: %s", self.client, msg)
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.close()
        else:
            super().send_400_response(msg)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._head, self._pieces, self._in_head = 0, 0, True

    def on_url(self, url: bytes) -> None:
        """Take a part of the address."""
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._count(name + value)
        super().on_header(name, value)

    def _count(self, data: bytes) -> None:
        self._head += len(data)
        if self._head > HEAD_BYTES:
            raise HeadError

    def on_headers_complete(self) -> None:
        """Hand the request on."""
        self._in_head = False
        super().on_headers_complete()
