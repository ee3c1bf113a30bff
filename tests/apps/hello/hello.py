"""Says hello."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hello(BaseHTTPRequestHandler):
    """Answers everything."""

    def do_GET(self):
        """Say hello."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello\n")


ThreadingHTTPServer(("", int(os.environ["PORT"])), Hello).serve_forever()
