"""A package index that offers poison: beside each locked version a newer one that nothing may take."""

from __future__ import annotations

import hashlib
import http.server
import io
import re
import stat
import threading
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from packaging.markers import Marker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POISON = "9999.0"
"""The newer version of every package; its file is no wheel, so that whoever takes it fails."""
ENTRY = re.compile(r"(?m)^([\w.-]+)(?:\[[^]]*\])?==(\S+?)(?: ; (.*?))?(?: \\)?$")
HASHES = re.compile(r"( \\\n +--hash=\S+)+")
DATE = (2020, 1, 1, 0, 0, 0)


def wheel(name: str, version: str, scripts: dict[str, str] | None = None) -> bytes:
    """Return a package that depends on the newest `unlocked`, which no lock has; the same bytes each time.

    Args:
        name: of the package.
        version: of the package.
        scripts: programs that it installs, name to text.
    """
    about, packed = f"{filename(name)}-{version}", io.BytesIO()
    files = {
        f"{filename(name)}.py": "",
        f"{about}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        "Requires-Dist: unlocked\n",
        f"{about}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}.dist-info/RECORD": "",
        **{f"{about}.data/scripts/{script}": text for script, text in (scripts or {}).items()},
    }
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in files.items():
            entry = zipfile.ZipInfo(path, DATE)
            entry.external_attr = (stat.S_IFREG | 0o755) << 16  # pip asks for both
            archive.writestr(entry, text)
    return packed.getvalue()


def filename(name: str) -> str:
    """Return a package's name as its files have it."""
    return re.sub(r"[-_.]+", "_", name).lower()


class Index:
    """The index: its packages' files, and which of them were taken."""

    def __init__(self) -> None:
        """Offer nothing yet but poison."""
        self.files: dict[str, bytes] = {}
        self.taken: set[str] = set()

    def lock(self, path: Path, scripts: dict[str, dict[str, str]] | None = None) -> set[str]:
        """Offer a file for each entry of a lock, and put that file's hash into the lock in place of the real ones.

        Args:
            path: the lock, which is changed.
            scripts: programs that packages install, by package.

        Returns:
            The files that an installation on this platform has to take.
        """
        text, wanted = path.read_text("utf-8"), set()
        for entry in reversed(list(ENTRY.finditer(text))):
            name, version, marker = entry.groups()
            file = f"{filename(name)}-{version}-py3-none-any.whl"
            self.files[file] = wheel(name, version, (scripts or {}).get(name))
            if marker is None or Marker(marker).evaluate():
                wanted.add(file)
            own = f" \\\n    --hash=sha256:{hashlib.sha256(self.files[file]).hexdigest()}"
            start = entry.end() - (2 if entry[0].endswith(" \\") else 0)
            if hashes := HASHES.match(text, start):
                text = text[:start] + own + text[hashes.end() :]
        path.write_text(text, "utf-8")
        return wanted

    def page(self, name: str) -> str:
        """Return the links of a package: its locked versions and the poison."""
        files = [file for file in self.files if file.startswith(f"{filename(name)}-")]
        links = [*files, f"{filename(name)}-{POISON}-py3-none-any.whl"]
        return "".join(f'<a href="/files/{file}">{file}</a>\n' for file in links)


@contextmanager
def serving(index: Index, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve an index at an address of this machine; yields its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        """Answers with a page of links, or with a file."""

        def do_GET(self) -> None:
            """Note each file that is asked for."""
            name = self.path.strip("/").split("/")[-1]
            body = index.page(name).encode()
            if name.endswith(".whl"):
                index.taken.add(name)
                body = index.files.get(name, b"poison")
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream" if name.endswith(".whl") else "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer((host, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{host}:{server.server_port}/simple"
    finally:
        server.shutdown()
        server.server_close()
