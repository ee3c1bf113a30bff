"""Runs of `tools.make_venv` against a package index on this machine, which refuses what it is told to."""

from __future__ import annotations

import hashlib
import http.server
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.package_index import wheel

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "tools" / "make_venv.py"


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
        body = wheel(name, "1.0") if is_file else f'<a href="/files/{link}">{link}</a>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream" if is_file else "text/html")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def environment(index: str = "", **others: str) -> dict[str, str]:
    """Return the environment of a set-up that knows this index alone."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PIP_", "SLIPWAY_", "LOCALCLOUD_", "PYTHON"))
    }
    own = {"PIP_INDEX_URL": index, "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    own |= {"PIP_NO_CACHE_DIR": "1", "UV_NO_CACHE": "1"}
    return kept | own | {"NO_PROXY": "127.0.0.1"} | others


def start(folder: Path, packages: str, index: str, **others: str) -> subprocess.Popen[str]:
    """Start making an environment with these packages."""
    folder.parent.mkdir(exist_ok=True, parents=True)
    requirements = folder.parent / "requirements.txt"
    hashes = {name: hashlib.sha256(wheel(name, "1.0")).hexdigest() for name in packages.split()}
    requirements.write_text("".join(f"{name}==1.0 --hash=sha256:{own}\n" for name, own in hashes.items()), "utf-8")
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
