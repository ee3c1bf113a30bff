"""Answers with its version, the digest of its image, and the processors it runs on."""

import json
import os
import platform
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Every path tells the same."""

    def do_GET(self) -> None:
        """Answer."""
        told = {"commit": os.environ.get("APP_VERSION"), "digest": os.environ.get("IMAGE_DIGEST")}
        body = json.dumps(told | {"machine": platform.machine()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("0.0.0.0", int(os.environ.get("PORT", "8080"))), Handler).serve_forever()  # noqa: S104 - a container
