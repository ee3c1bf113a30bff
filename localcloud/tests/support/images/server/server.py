"""A web server with a behavior by MODE: good, never (does not listen), crash, slow (starts late).

With STATUS it answers everything but health checks with that status; /status/N is always answered with N.
"""

import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Responds to every GET with the release, the client's address and the secret; /slow takes 2 s."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Respond."""
        if self.path.startswith("/slow"):
            time.sleep(2)
        shown = [
            os.environ.get("RELEASE", "-"),
            self.headers.get("X-Forwarded-For", "-"),
            os.environ.get("SECRET", "-"),
        ]
        body = " ".join(shown).encode()
        self.send_response(self.status())
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def status(self) -> int:
        """Return the status of the response."""
        if self.path.startswith("/status/"):
            return int(self.path.removeprefix("/status/"))
        return 200 if self.path == "/healthz" else int(os.environ.get("STATUS", "200"))

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def main() -> None:
    """Run in the given mode."""
    mode = os.environ["MODE"]
    server = None
    signal.signal(
        signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start() if server else sys.exit(0)
    )
    print("starting", flush=True)
    if mode == "crash":
        sys.exit(3)
    if mode in ("never", "slow"):
        time.sleep(3600 if mode == "never" else 40)
    server = ThreadingHTTPServer(("", 8080), Handler)
    server.daemon_threads = False
    server.serve_forever()
    print("bye", flush=True)


main()
