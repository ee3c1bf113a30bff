"""bin/pulumi-local and a `pulumi` that was killed: its lock, and its state."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from localcloud.client import LocalCloud
from tools.pulumi_local import environment, locks

if TYPE_CHECKING:
    from pathlib import Path


def lock(backend: Path, pid: int, host: str = socket.gethostname(), stack: str = "staging") -> Path:
    """Write the lock of a process, as Pulumi does."""
    path = backend / f".pulumi/locks/organization/slipway/{stack}/{pid}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"pid": pid, "username": "me", "hostname": host, "timestamp": "2026-01-01T00:00:00Z"}))
    return path


@pytest.fixture
def ended() -> int:
    """The ID of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    return child.pid


def test_the_lock_of_a_process_that_is_gone_is_removed(
    tmp_path: Path, ended: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says so."""
    held = lock(tmp_path, ended)
    assert locks.release(tmp_path, "staging")
    assert not held.exists()
    line = f"pulumi-local: process {ended} was killed while it worked on stack staging; its lock is removed\n"
    assert capsys.readouterr().err == line


def test_a_lock_that_may_be_held_stays(tmp_path: Path, ended: int, capsys: pytest.CaptureFixture[str]) -> None:
    """By a process that runs, by one of another machine, of another stack, or by one that cannot be told."""
    held = [lock(tmp_path, os.getpid()), lock(tmp_path, 1), lock(tmp_path, ended, host="another")]
    held.append(lock(tmp_path, ended, stack="prod"))
    held.append(lock(tmp_path, 2))
    held[-1].write_text("{")
    assert not locks.release(tmp_path, "staging")
    assert all(one.exists() for one in held)
    assert capsys.readouterr().err == ""


def test_without_a_backend_there_is_no_lock(tmp_path: Path) -> None:
    """As before the first command."""
    assert not locks.release(tmp_path / "none", "staging")


def test_a_kill_leaves_a_state_that_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulumi writes it in one piece, but not what it would keep in a second file beside it."""
    monkeypatch.setattr(environment, "toolchain_environment", dict[str, str])
    cloud = LocalCloud(endpoint="http://127.0.0.1:4566", state=tmp_path, images={})
    found = environment.pulumi_environment(cloud)["PULUMI_BACKEND_URL"]
    assert found == f"{(tmp_path / 'pulumi').as_uri()}?metadata=skip"
