"""Runs of bin/make_venv.py against a package index on this machine, which refuses what it is told to."""

from __future__ import annotations

import http.server
import io
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "bin" / "make_venv.py"


def wheel(name: str) -> bytes:
    """Return an empty package."""
    packed, about = io.BytesIO(), f"{name}-1.0.dist-info"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return packed.getvalue()


class Index(http.server.BaseHTTPRequestHandler):
    """A package index: `slow` is answered after a while, `refused` and `hidden` not at all while `closed`."""

    closed = True

    def do_GET(self) -> None:
        """Answer with a page of links, or a package."""
        name = self.path.strip("/").split("/")[1].split("-")[0]
        is_file = self.path.endswith(".whl")
        if Index.closed and (name, is_file) in (("refused", True), ("hidden", False)):
            self.send_error(403)
            return
        if name == "slow" and is_file:
            time.sleep(3)
        link = f"{name}-1.0-py3-none-any.whl"
        body = wheel(name) if is_file else f'<a href="/files/{link}">{link}</a>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream" if is_file else "text/html")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def environment(index: str = "", **others: str) -> dict[str, str]:
    """Return the environment of a set-up that knows this index alone."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "SLIPWAY_", "PYTHON"))}
    own = {"PIP_INDEX_URL": index, "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1"}
    return kept | own | {"NO_PROXY": "127.0.0.1"} | others


def start(folder: Path, packages: str, index: str, **others: str) -> subprocess.Popen[str]:
    """Start making an environment with these packages."""
    folder.parent.mkdir(exist_ok=True, parents=True)
    requirements = folder.parent / "requirements.txt"
    requirements.write_text("".join(f"{name}==1.0\n" for name in packages.split()), "utf-8")
    return subprocess.Popen(
        [sys.executable, SCRIPT, folder, requirements],
        env=environment(index, **others),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def make(folder: Path, packages: str, index: str, **others: str) -> tuple[int, str]:
    """Make an environment; return the exit code and what is on stderr."""
    process = start(folder, packages, index, **others)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


def refusal(answer: tuple[int, str]) -> str:
    """Return the one line that a set-up was refused with."""
    code, said = answer
    (line,) = said.splitlines()
    assert code == 1
    assert line.startswith("setup: ")
    return line
