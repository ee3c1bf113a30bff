"""A web server that tells its release at /version and behaves as MODE says: good, crash, never (listens), liar."""

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers every GET with the release."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        version = "wrong" if os.environ["MODE"] == "liar" else os.environ.get("APP_VERSION")
        body = json.dumps({"commit": version, "digest": os.environ.get("IMAGE_DIGEST")}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Behave as MODE says, or crash where the template asks for it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("starting", flush=True)
    if os.environ["MODE"] == "crash" or os.environ.get("CRASH"):
        sys.exit(3)
    if os.environ["MODE"] == "never":
        time.sleep(3600)
    server = ThreadingHTTPServer(("", 8080), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()


main()
