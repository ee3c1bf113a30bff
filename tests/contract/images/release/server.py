"""A web server with its release at /version and a behavior by MODE: good, crash, never (does not listen), liar."""

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Responds to every GET with the release."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Respond."""
        version = "wrong" if os.environ["MODE"] == "liar" else os.environ.get("APP_VERSION")
        body = json.dumps({"commit": version, "digest": os.environ.get("IMAGE_DIGEST")}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def main() -> None:
    """Run in the given mode, or crash if the template's variables say so."""
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
