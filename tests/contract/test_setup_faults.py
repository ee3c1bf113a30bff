"""Slow tests of setup under faults: a package index that refuses requests, a kill in between, concurrent runs."""

from __future__ import annotations

import http.server
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from support.waiting import until
from tests.setups import Index, make, refusal, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def index() -> Iterator[str]:
    """A package index on this machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/simple"
    server.shutdown()


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        ("refused", "refused==1.0 cannot be downloaded: HTTP error 403 Client Error"),
        ("hidden", "hidden==1.0 is not to be had: the package index has none or refuses it"),
    ],
)
def test_a_package_that_the_index_refuses_is_named_and_the_next_run_heals(
    tmp_path: Path, index: str, package: str, reason: str
) -> None:
    """Whether it refuses the file or the project's page."""
    Index.closed = True
    line = refusal(make(tmp_path / "venv", f"plain {package}", index))
    assert line.startswith(f"setup: {reason}")
    assert line.endswith("then run this again")
    Index.closed = False
    assert make(tmp_path / "venv", f"plain {package}", index) == (0, "")
    assert list((tmp_path / "venv").glob(f"lib/*/site-packages/{package}.py"))


def test_one_that_was_killed_is_made_again_after_what_it_started_has_ended(tmp_path: Path, index: str) -> None:
    """Its pip keeps writing for a while; the next run must not write concurrently."""
    folder = tmp_path / "venv"
    process = start(folder, "slow", index)
    until(lambda: list(folder.glob("lib/*/site-packages/pip/__main__.py")))
    time.sleep(0.7)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / ".complete").exists()
    assert make(folder, "slow", index) == (0, "")
    assert (folder / ".complete").exists()


def test_two_at_once_are_one_after_the_other(tmp_path: Path, index: str) -> None:
    """The second one waits, names the process that it waits for, and finds nothing to do."""
    first, second = (start(tmp_path / "venv", "slow", index) for _ in range(2))
    said = [process.communicate(timeout=60) for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0)
    output = "".join(out for out, _ in said)
    assert "is making it; waiting for its end" in output
    assert output.count("installing requirements.txt") == 1
