"""What lies between Pulumi and the local cloud, and may fail half-way: a TCP proxy."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from typing import Self

EXPIRED = {
    "json": '{"__type": "ExpiredTokenException", "message": "The security token included in the request is expired"}',
    "xml": "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The security token included in "
    "the request is expired</Message></Error><RequestId>1</RequestId></ErrorResponse>",
}


class Wire:
    """Passes connections on to a port of this machine until it is cut, or refuses every request for its credentials."""

    def __init__(self, port: int) -> None:
        """Pass on to a port."""
        self._port, self._expired, self._open = port, False, list[socket.socket]()
        self._listener = socket.create_server(("127.0.0.1", 0))

    @property
    def url(self) -> str:
        """The address to connect to."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        """Accept connections."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self.cut()

    def cut(self) -> None:
        """Close all connections, and accept no more."""
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def expire(self) -> None:
        """Answer each request that arrives from now on that its credentials have expired."""
        self._expired = True

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                return
            self._open += [near, far]
            threading.Thread(target=self._pass, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, False), daemon=True).start()

    def _pass(self, near: socket.socket, far: socket.socket, asking: bool) -> None:  # noqa: FBT001 - of a thread
        with contextlib.suppress(OSError):
            while data := near.recv(65536):
                if asking and self._expired:
                    near.sendall(_refusal(data))
                    break
                far.sendall(data)
        for one in (near, far):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _refusal(request: bytes) -> bytes:
    """Return the response to a request with expired credentials, in the format of its service."""
    kind = "json" if re.search(rb"(?i)content-type: application/x-amz-json", request) else "xml"
    body = EXPIRED[kind]
    name = {"json": "application/x-amz-json-1.1", "xml": "text/xml"}[kind]
    head = f"HTTP/1.1 403 Forbidden\r\nContent-Type: {name}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return (head + body).encode()
