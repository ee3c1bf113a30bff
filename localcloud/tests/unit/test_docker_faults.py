"""The local cloud without a usable Docker Engine or port: a one-line error before anything is created."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from localcloud.docker_engine import daemon
from localcloud.settings import UserError

if TYPE_CHECKING:
    from pathlib import Path


def up(state: Path, **others: str) -> subprocess.CompletedProcess[str]:
    """Run `up` for a separate local cloud, without building base images."""
    own = {
        "LOCALCLOUD_STATE": str(state),
        "LOCALCLOUD_PORT": "1",
        "LOCALCLOUD_CACHE": str(state / "cache"),
        "CI": "true",
    }
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LOCALCLOUD_")}
    own |= {"LOCALCLOUD_IMAGES": "public"}
    return subprocess.run(
        [sys.executable, "-m", "localcloud", "up"],
        env=environment | own | others, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one-line error of a command."""
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    return line.removeprefix("localcloud up: ")


@pytest.mark.parametrize("left_behind", [True, False], ids=["dead", "absent"])
def test_a_socket_without_a_daemon_is_named(tmp_path: Path, *, left_behind: bool) -> None:
    """A killed daemon leaves its socket; if we cannot start a daemon, the error says so."""
    path = tmp_path / "docker.sock"
    if left_behind:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
    line = refusal(up(tmp_path / "state", DOCKER_HOST=f"unix://{path}"))
    assert line == f"DOCKER_HOST is unix://{path} and no Docker Engine answers there: start it or unset DOCKER_HOST"


def test_a_daemon_that_hangs_is_not_joined_by_a_second_one(tmp_path: Path) -> None:
    """It still listens: a second one would replace its socket."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(path))
        mute.listen()
        with pytest.raises(UserError, match=f"a Docker Engine listens at {path} and does not respond: restart it"):
            daemon.refuse_silent(path)
    daemon.refuse_silent(path)  # nobody listens any more
    daemon.refuse_silent(tmp_path / "absent")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user for a while")
def test_a_daemon_that_this_user_may_not_ask_is_said_to_be_one(tmp_path: Path) -> None:
    """The error is about permissions, not about a missing daemon."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        os.seteuid(65534)
        try:
            with pytest.raises(UserError, match=r"this user may not use .*: add it to the group docker"):
                daemon.refuse_silent(path)
        finally:
            os.seteuid(0)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::"])  # noqa: S104 - another process's address
def test_a_taken_port_is_refused_with_pid_and_command_of_its_holder(tmp_path: Path, address: str) -> None:
    """For any address that includes ours; nothing has been created."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as holder:
        holder.bind((address, 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        line = refusal(up(tmp_path / "state", LOCALCLOUD_PORT=port))
    assert line.startswith(f"port {port} is taken by process {os.getpid()} (")
    assert "python" in line
    assert line.endswith("stop it, or set LOCALCLOUD_PORT to a free port")


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: str) -> None:
    """The error names the variable."""
    assert f"LOCALCLOUD_PORT is {port!r}; a port is a number" in refusal(up(tmp_path, LOCALCLOUD_PORT=port))


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """Here a file has the folder's path."""
    (tmp_path / "file").write_text("", "utf-8")
    state = tmp_path / "file" / "state"
    line = refusal(up(state, LOCALCLOUD_CACHE=str(tmp_path)))
    assert line.startswith(
        f"{state} cannot be written (Not a directory): check its permissions, or set LOCALCLOUD_STATE"
    )
