"""Preflight checks: all requirements on the machine are checked before anything is created."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, ClassVar

import pytest

from localcloud.docker_engine import base_images, dockerd
from localcloud.preflight import containers, look, network, room
from localcloud.preflight.findings import Finding, Leave, Problem, Room, Step
from localcloud.settings import Settings, UserError
from tests.setups import ROOT, environment
from tools.preflight import indexes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_WAY_OUT = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}
SECONDS = 10
"""Limit of "within seconds"; the timeout for an unreachable network is 4."""


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A new clone, without build results."""
    for name in ("localcloud", "tools", "bin"):
        shutil.copytree(ROOT / name, tmp_path / "clone" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path / "clone" / name)
    return tmp_path / "clone"


def preflight(clone: Path, target: str, **others: str) -> subprocess.CompletedProcess[str]:
    """Run the checks of a make target in a clone, without network access and without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "tools.preflight", target],
        cwd=clone, env=environment(**NO_WAY_OUT | {"PYTHONPATH": str(clone), "CI": ""} | others),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_all_that_is_wrong_is_told_at_once_and_within_seconds(fresh: Path, tmp_path: Path) -> None:
    """One line for each error, with its remedy; nothing is created."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("", "utf-8")
    before, began = sorted(fresh.rglob("*")), time.monotonic()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        done = preflight(
            fresh, "demo", PATH=str(tmp_path / "empty"), PYTHONDONTWRITEBYTECODE="1", LOCALCLOUD_PORT=port,
            LOCALCLOUD_CACHE=str(tmp_path / "file" / "cache"), DOCKER_HOST=f"unix://{tmp_path}/none.sock",
            PIP_INDEX_URL="http://me:hidden@127.0.0.1:9/simple",
        )  # fmt: skip
    assert time.monotonic() - began < SECONDS
    assert done.returncode == 1
    for words in (
        "git is not installed; Debian has it in a package",
        "127.0.0.1:9 does not respond, and Python packages are downloaded there: see to the network",
        "Go is not installed and a build needs 1.26 or newer. Install Go from go.dev",
        f"DOCKER_HOST is unix://{tmp_path}/none.sock and no Docker Engine answers there: start it or unset",
        f"port {port} is taken by process {os.getpid()}",
        f"{tmp_path}/file/cache cannot be written (Not a directory): check its permissions, or set LOCALCLOUD_CACHE",
    ):
        assert [line for line in done.stderr.splitlines() if line.startswith(f"setup: {words}")], (words, done.stderr)
    assert all(line.startswith("setup: ") for line in done.stderr.splitlines())
    assert "hidden" not in done.stderr
    assert sorted(fresh.rglob("*")) == before


def test_tests_do_not_ask_for_the_port_of_the_local_cloud(fresh: Path, tmp_path: Path) -> None:
    """Tests use other ports, so that they can run at the same time."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        done = preflight(fresh, "test", LOCALCLOUD_PORT=port, DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert "no Docker Engine answers there" in done.stderr
    assert "port" not in done.stderr


def test_make_refuses_before_it_installs_anything(fresh: Path, tmp_path: Path) -> None:
    """The virtual environment is not created if no Docker Engine is available."""
    own = {"CI": "", "DOCKER_HOST": f"unix://{tmp_path}/none.sock", "LOCALCLOUD_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        ["make", f"PYTHON={sys.executable}", "demo"], cwd=fresh, env=environment(**NO_WAY_OUT | own),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    assert "no Docker Engine answers there" in done.stderr
    assert not (fresh / ".venv").exists()


def test_an_old_python_is_named_by_make(fresh: Path) -> None:
    """By one line, although that Python cannot parse the preflight program."""
    (fresh / "sitecustomize.py").write_text("import sys\nsys.version_info = (3, 9, 18)\n", "utf-8")
    done = subprocess.run(
        ["make", f"PYTHON={sys.executable}", "demo"], cwd=fresh, env=environment(),
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stderr.splitlines()[0].startswith("setup: Python is 3.9 and must be 3.11 or newer")
    assert done.returncode != 0


class Engine(http.server.BaseHTTPRequestHandler):
    """A fake of the Docker Engine API that the checks use."""

    pages: ClassVar[dict[str, object]] = {}

    def do_GET(self) -> None:
        """Respond with the JSON for a path."""
        content = self.pages.get(self.path.partition("?")[0])
        self.send_response(404 if content is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def address_string(self) -> str:
        """Return a name: a Unix socket has no address."""
        return "unix"


GOOD = {
    "/version": {"Version": "20.10.24", "ApiVersion": "1.41"},
    "/info": {"DriverStatus": [["Backing Filesystem", "extfs"]], "DockerRootDir": "/nowhere"},
    "/images/json": [
        {"RepoTags": [f"slipway.local/{name}"]}
        for name in ("python:3.11", "postgres:15", "haproxy:2.6", "codebuild:5.0")
    ],
    "/networks/slipway": {"Labels": {"slipway.localcloud": "1"}},
}


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Provide a function that checks a fake engine with these responses; all others are as expected."""
    path = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    monkeypatch.setattr(Engine, "pages", dict(GOOD))
    server = socketserver.ThreadingUnixStreamServer(str(path), Engine)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def look_at(pages: dict[str, object]) -> list[Finding]:
        Engine.pages.update(pages)
        own = Settings(state_dir=tmp_path, port=1, network="slipway", cache_dir=tmp_path)
        return look.findings((containers.engine, containers.docker_network), own)

    yield look_at
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ({}, ""),
        ({"/version": {"Version": "19.03", "ApiVersion": "1.40"}}, "Docker Engine 19.03 is older than 20.10"),
        ({"/info": {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}}, "in containerd's store"),
        ({"/networks/slipway": {"Labels": {}}}, "the Docker network slipway is not ours"),
    ],
    ids=["of use", "too old", "containerd's store", "another's network"],
)
def test_an_engine_that_will_not_do_is_told_beforehand(ask: object, pages: dict[str, object], words: str) -> None:
    """The error includes the remedy."""
    assert callable(ask)
    problems = [item.text for item in ask(pages) if not isinstance(item, Room)]
    assert len(problems) == bool(words)
    assert words in "".join(problems)


def test_pip_is_asked_at_the_index_that_its_files_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment variables take precedence; pip itself may not be installed yet."""
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://index.example/simple\n", "utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    assert indexes.pip_setting("index-url") == "https://index.example/simple"
    monkeypatch.setenv("PIP_INDEX_URL", "https://other.example/simple")
    assert indexes.pip_setting("index-url") == "https://other.example/simple"


@pytest.mark.parametrize(("page", "up"), [("/absent", True), ("/broken", False)])
def test_a_server_that_answers_is_up_whatever_it_says(monkeypatch: pytest.MonkeyPatch, page: str, *, up: bool) -> None:
    """A server error does not count: it may be a proxy's response."""
    monkeypatch.setattr(
        Engine, "do_HEAD", lambda self: (self.send_error(503 if page == "/broken" else 404)), raising=False
    )
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    assert network.is_up(f"http://127.0.0.1:{server.server_port}{page}") is up
    server.shutdown()
    server.server_close()


def test_what_several_need_of_one_disk_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each alone would fit; the folders need not exist."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(20 * 10**9, 0, 8 * 10**9))
    wanted = [Room(tmp_path / "a" / "b", 6, "the build", "LOCALCLOUD_CACHE"), Room(tmp_path / "c", 2.4, "modules")]
    (line,) = room.shortages(wanted)
    assert line == (
        f"8.0 GB are free and 8.4 needed (the build 6 in {tmp_path}/a/b, modules 2.4 in {tmp_path}/c): "
        "free space, or set LOCALCLOUD_CACHE to a folder elsewhere"
    )
    assert not list(room.shortages(wanted[:1]))


def absent(_: Settings) -> Iterator[Finding]:
    """Report a missing engine and a step."""
    yield Step("build something", 200)
    yield Leave("no Docker Engine answers", "start one")


def broken(_: Settings) -> Iterator[Finding]:
    """Report a finding, then an error."""
    yield Problem("this first")
    raise UserError("that too")


@pytest.mark.parametrize(
    ("terminal", "yes", "answer", "problem"),
    [
        (False, False, None, "no Docker Engine answers; leave to start one is needed: set YES=1, or start Docker"),
        (True, False, "", "no Docker Engine answers and leave to start one was not given: start Docker"),
        (True, False, "y", ""),
        (False, True, None, ""),
    ],
    ids=["nobody to ask", "no", "yes", "beforehand"],
)
def test_leave_is_asked_once_and_used_at_once(  # noqa: PLR0913
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, terminal: bool, yes: bool, answer: str | None, problem: str
) -> None:
    """The permitted step is done before the long ones, so that no further question follows."""
    started: list[Settings] = []
    questions: list[str] = []

    def reply(question: str) -> str | None:
        questions.append(question)
        return answer

    monkeypatch.setattr("sys.stdin.isatty", lambda: terminal)
    monkeypatch.setattr("builtins.input", reply)
    monkeypatch.setattr(dockerd, "ensure", lambda settings, _: started.append(settings))
    own = Settings(state_dir=tmp_path, port=1, network="n", cache_dir=tmp_path)
    said: list[str] = []
    problems = look.require((absent,), own, yes=yes, say=said.append)
    assert "".join(problems).startswith(problem)
    assert bool(problems) == bool(problem)
    assert len(questions) == (answer is not None)
    assert bool(started) == (not problem)
    if terminal or yes:
        assert said == ["to be prepared once, in about 4 min on two cores:", "  build something (up to 3 min)"]


def test_what_a_check_found_before_it_was_stopped_is_told_too(tmp_path: Path) -> None:
    """The user is not asked for consent if there are errors."""
    own = Settings(state_dir=tmp_path, port=1, network="n", cache_dir=tmp_path)
    assert look.require((broken, absent), own, yes=True, say=pytest.fail) == ["this first", "that too"]


@pytest.mark.parametrize(
    ("user", "programs", "missing"),
    [
        (1000, ["mmdebstrap", "newuidmap"], ""),
        (1000, ["mmdebstrap", "apt-get"], "uidmap"),
        (1000, ["apt-get"], "mmdebstrap uidmap"),
        (0, ["apt-get"], ""),
        (0, ["mmdebstrap"], ""),
        (0, [], "mmdebstrap"),
    ],
)
def test_what_base_images_are_built_by_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, user: int, programs: list[str], missing: str
) -> None:
    """Only root can install it; another user needs uidmap for a user namespace."""
    for name in programs:
        (tmp_path / name).touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: user)
    wanted = f"no image registry is reachable, and base images are built by {missing}: install it"
    assert base_images.lacking() == (wanted if missing else "")
