"""uvicorn's HTTP protocol, with a response's headers and body sent in one write, and a size limit on request heads.

uvicorn writes headers and body separately. If a thread takes the interpreter in between, the AWS provider, which has
the headers already, drops the connection and retries (seen in a trace: it closes 1 ms after the headers, before the
body): a resource that was just created is then requested a second time.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 2**16
"""Limit of the request line and headers: 64 KB, as on AWS's Application Load Balancer."""
AT_ONCE = 2**16
"""Buffered bytes at which to write at once: buffering more would only cost memory."""
LOG = logging.getLogger("localcloud.gateway.application")


class Joining:
    """A transport that joins all writes of one event loop iteration into one."""

    def __init__(self, transport: Any) -> None:
        """Wrap the transport that does the writing."""
        self._transport = transport
        self._pending = bytearray()

    def __getattr__(self, name: str) -> Any:
        """Delegate everything else to the transport."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Buffer the data, to be written with everything else of this event loop iteration."""
        if not self._pending:
            asyncio.get_running_loop().call_soon(self.flush)
        self._pending += data
        if len(self._pending) >= AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write the buffer."""
        if self._pending and not self._transport.is_closing():
            self._transport.write(bytes(self._pending))
        self._pending.clear()

    def close(self) -> None:
        """Write the buffer, then close."""
        self.flush()
        self._transport.close()


class HeadError(Exception):
    """A request's head is too large."""


class JoinedHttp(HttpToolsProtocol):
    """uvicorn's protocol over a joining transport, with a size limit on request heads, which uvicorn lacks."""

    _head, _pieces = 0, 0
    """Bytes of the head being read: those parsed, and those received after its first chunk."""
    _in_head, _tls = False, False

    def connection_made(self, transport: Any) -> None:
        """Wrap the transport of a new connection."""
        super().connection_made(Joining(transport))  # type: ignore[arg-type]  # it has everything that uvicorn uses of a transport

    def data_received(self, data: bytes) -> None:
        """Parse received data; close the connection if the head exceeds its limit."""
        self._tls = data.startswith(b"\x16\x03")
        went_on = self._in_head
        super().data_received(data)
        if went_on and self._in_head:
            self._pieces += len(data)
            if self._pieces > HEAD_BYTES:
                self.send_400_response("")

    def send_400_response(self, msg: str) -> None:
        """Respond to a malformed request and close; if a response has begun, only close."""
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
        """Reset the head counters for a new request."""
        super().on_message_begin()
        self._head, self._pieces, self._in_head = 0, 0, True

    def on_url(self, url: bytes) -> None:
        """Count and store a part of the URL."""
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count and store a header."""
        self._count(name + value)
        super().on_header(name, value)

    def _count(self, data: bytes) -> None:
        self._head += len(data)
        if self._head > HEAD_BYTES:
            raise HeadError

    def on_headers_complete(self) -> None:
        """Pass the complete head on to the application."""
        self._in_head = False
        super().on_headers_complete()
