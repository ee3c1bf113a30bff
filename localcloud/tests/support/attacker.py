"""Raw, malicious requests that no HTTP client would send."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.waiting import LIMIT_SECONDS

if TYPE_CHECKING:
    from support.cloud import Cloud

SIGNED = (
    "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/{}/aws4_request, SignedHeaders=host, Signature=" + "0" * 64
)


@dataclass
class Answer:
    """A response; status 0 if the connection was closed without one."""

    status: int
    head: str
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")


class Attacker:
    """Sends raw bytes to a local cloud, and reads its logs."""

    def __init__(self, cloud: Cloud) -> None:
        """Take the local cloud to attack."""
        self.port = int(cloud.environment["LOCALCLOUD_PORT"])
        self.state = Path(cloud.environment["LOCALCLOUD_STATE"])

    def raw(self, *pieces: bytes, end: bool = False) -> Answer:
        """Send pieces on one connection and read one response.

        Args:
            pieces: the bytes to send.
            end: close the sending side afterwards.
        """
        with socket.create_connection(("127.0.0.1", self.port), LIMIT_SECONDS) as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
                if end:
                    connection.shutdown(socket.SHUT_WR)
            except (BrokenPipeError, ConnectionResetError):
                pass
            return answer(connection, bare=pieces[0].startswith(b"HEAD "))

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send a request with only these headers (`_` for `-` in names), Host, and the length of a body."""
        full = {"host": f"127.0.0.1:{self.port}"} | {name.replace("_", "-"): text for name, text in headers.items()}
        if body and "transfer-encoding" not in full:
            full.setdefault("content-length", str(len(body)))
        head = "".join(f"{name}: {text}\r\n" for name, text in full.items() if text is not None)
        return self.raw(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)

    def signed(self, service: str, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send a request with a signature for a service."""
        return self.send(method, path, body, authorization=SIGNED.format(service), **headers)

    def logged(self) -> list[dict[str, Any]]:
        """Return the entries of the request log."""
        return [json.loads(line) for line in (self.state / "log" / "requests.jsonl").read_text().splitlines()]

    def written(self) -> str:
        """Return all logs: the request log and the process's own."""
        return "".join(path.read_text(errors="replace") for path in sorted((self.state / "log").iterdir()))

    def inside(self) -> str:
        """Return the process's own log."""
        return (self.state / "log" / "localcloud.log").read_text(errors="replace")


def answer(connection: socket.socket, *, bare: bool = False) -> Answer:
    """Read one response (`bare`: without a body, as to HEAD); status 0 if the connection is closed first."""
    data = b""
    try:
        while b"\r\n\r\n" not in data or not (bare or complete(data)):
            more = connection.recv(2**16)
            if not more:
                break
            data += more
    except ConnectionResetError:
        pass
    head, _, body = data.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    return Answer(int(words[1]) if len(words) > 1 else 0, head.decode("latin-1"), body)


def complete(data: bytes) -> bool:
    """Tell whether a response is complete."""
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return len(body) >= int(value)
        if name == b"transfer-encoding":
            return body.endswith(b"0\r\n\r\n")
    return True
