"""Modules of the local cloud that need neither Docker nor a server process."""

from __future__ import annotations

import asyncio
import http.server
import ipaddress
import math
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import docker
import pytest
import requests

from localcloud import settings
from localcloud.commands import process
from localcloud.docker_engine import daemon, dockerd, engine, network
from localcloud.docker_engine.service_containers import ServiceContainers
from localcloud.settings import UserError
from localcloud.state.clock import Clock
from localcloud.state.store import Store


def test_the_store_keeps_what_was_put_and_undoes_a_failed_transaction(tmp_path: Path) -> None:
    """A second store on the same file sees each put at once, and nothing of a failed transaction."""
    store, reader = Store(tmp_path / "s"), Store(tmp_path / "s")
    store.put("kind", "b", {"n": 1})
    store.put("kind", "a", {"n": 2})
    assert reader.all("kind") == {"b": {"n": 1}, "a": {"n": 2}}

    def fail() -> None:
        with store.transaction():
            store.put("kind", "b", {"n": 3})
            store.delete("kind", "a")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert reader.all("kind") == {"b": {"n": 1}, "a": {"n": 2}}
    assert list(reader.all("kind")) == ["b", "a"]


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the variable, the value and the rule."""
    monkeypatch.setenv("LOCALCLOUD_PORT", port)
    with pytest.raises(UserError, match=r"LOCALCLOUD_PORT is '.*'; a port is a number from 1 to 65535"):
        settings.load()


@pytest.mark.parametrize(
    ("docker_host", "user", "dockerd", "words"),
    [
        ("unix:///elsewhere.sock", 0, "/usr/sbin/dockerd", "unset DOCKER_HOST"),
        ("tcp://10.0.0.1:2375", 0, "/usr/sbin/dockerd", "unset DOCKER_HOST"),
        ("", 1000, "/usr/sbin/dockerd", "needs root"),
    ],
)
def test_no_engine_is_started_where_that_may_not_be_done(docker_host: str, user: int, dockerd: str, words: str) -> None:
    """DOCKER_HOST names another daemon, or the user cannot start one."""
    with pytest.raises(UserError, match=words):
        daemon.refuse_where_not_ours(docker_host, user, dockerd)


def test_an_engine_may_be_started_by_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default socket in DOCKER_HOST is not another daemon."""
    monkeypatch.setattr("sys.platform", "linux")
    daemon.refuse_where_not_ours("unix:///var/run/docker.sock", 0, "/usr/sbin/dockerd")


def test_a_stale_pid_file_is_removed_and_anothers_process_is_not_ours(tmp_path: Path) -> None:
    """A stale file would block the daemon's start; another process must not be stopped."""
    own = settings.Settings(state_dir=tmp_path, port=1, network="n", cache_dir=tmp_path)
    stale = tmp_path / "dockerd.pid"
    stale.write_text("1")
    assert dockerd.our_pid(own) is None
    assert not engine.stop(own)
    dockerd.remove_stale_pidfile(stale, "dockerd")
    assert not stale.exists()


def test_the_pid_file_of_a_daemon_that_was_killed_is_removed_and_that_of_a_running_one_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also while the killed one is a zombie."""
    monkeypatch.setattr(dockerd, "GONE_SECONDS", 0.5)
    program, pidfile = tmp_path / "dockerd", tmp_path / "dockerd.pid"
    shutil.copy("/bin/sleep", program)
    with subprocess.Popen([program, "10"]) as daemon:
        pidfile.write_text(str(daemon.pid))
        while not dockerd.runs(pidfile, "dockerd"):  # a new process has no command line at first
            assert daemon.poll() is None
        dockerd.remove_stale_pidfile(pidfile, "dockerd")
        assert pidfile.exists()
        daemon.kill()
        dockerd.remove_stale_pidfile(pidfile, "dockerd")
        assert not pidfile.exists()


def test_the_network_takes_a_subnet_that_is_free_and_keeps_it() -> None:
    """The previous one is preferred, then the first candidate without overlap."""
    first, second = network.CANDIDATES[:2]
    assert network.free_subnet([], []) == first
    assert network.free_subnet([], [ipaddress.IPv4Network("172.24.0.0/24")]) == second
    assert network.free_subnet([second], []) == second
    with pytest.raises(UserError, match="remove unused Docker networks"):
        network.free_subnet([], [ipaddress.IPv4Network("172.16.0.0/12")])


def test_a_pid_that_was_given_to_another_process_is_not_ours(tmp_path: Path) -> None:
    """The record also contains the process's start time."""
    own = settings.Settings(state_dir=tmp_path, port=1, network="n", cache_dir=tmp_path)
    process.write_record(own, {"pid": 1, "birth": "another time"})
    assert process.running_pid(own) is None
    process.write_record(own, {"pid": 1, "birth": process.birth_of(1)})
    assert process.running_pid(own) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root, and so does a Docker Engine of our own")
def test_what_a_killed_engine_left_mounted_is_detached(tmp_path: Path) -> None:
    """Otherwise its folder could not be removed."""
    inner = tmp_path / "docker" / "netns"
    inner.mkdir(parents=True)
    for folder in (tmp_path / "docker", inner):
        subprocess.run(["mount", "--bind", folder, folder], check=True)
    dockerd.unmount_below(tmp_path / "docker")
    assert str(tmp_path) not in Path("/proc/mounts").read_text("utf-8")
    shutil.rmtree(tmp_path / "docker")


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf])
def test_the_clock_takes_only_seconds_that_pass(tmp_path: Path, seconds: float) -> None:
    """An invalid value would be stored and corrupt all later times."""
    clock = Clock(Store(tmp_path / "store.sqlite3"))
    with pytest.raises(ValueError, match="give a positive number of seconds"):
        clock.advance(seconds)
    assert abs(clock.now() - time.time()) < 5


def test_two_local_clouds_prepare_what_they_share_one_after_the_other(tmp_path: Path) -> None:
    """Otherwise two concurrent first runs would both install a Docker Engine."""
    shared = settings.Settings(state_dir=tmp_path / "state", port=1, network="none", cache_dir=tmp_path / "cache")
    said: list[str] = []
    second = threading.Thread(target=lambda: prepared(shared, said))
    with dockerd.one_at_a_time(shared, said.append):
        second.start()
        while not said:
            time.sleep(0.01)
        assert "waiting" in said[0]
        assert said[1:] == []
    second.join(10)
    assert said[1:] == ["prepared"]


def test_a_cache_that_cannot_be_made_is_named_with_its_variable() -> None:
    """It is not the state folder's variable."""
    nowhere = settings.Settings(state_dir=Path("/nowhere"), port=1, network="none", cache_dir=Path("/proc/none"))
    with (
        pytest.raises(UserError, match="set LOCALCLOUD_CACHE to another folder than /proc/none"),
        dockerd.one_at_a_time(nowhere, print),
    ):
        pass


def prepared(shared: settings.Settings, said: list[str]) -> None:
    """Take the lock and record the order; prepare nothing."""
    with dockerd.one_at_a_time(shared, said.append):
        said.append("prepared")


class Daemon(http.server.BaseHTTPRequestHandler):
    """A fake Docker daemon that responds to a ping."""

    def do_GET(self) -> None:
        """Respond."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"OK")

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def test_what_has_to_be_done_is_done_when_docker_answers_again() -> None:
    """A killed daemon refuses connections until it is restarted; a call without retries fails."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Daemon, bind_and_activate=False)
    server.server_bind()  # not listening yet
    client = docker.DockerClient(f"tcp://127.0.0.1:{server.server_address[1]}", version="1.41")
    engine = ServiceContainers(SimpleNamespace(docker=client, network="none"), "build")  # type: ignore[arg-type]  # the used part of a context

    async def run() -> bool:
        with pytest.raises(requests.exceptions.ConnectionError):
            await engine.call(client.ping)
        asked = asyncio.create_task(engine.insist(client.ping))
        await asyncio.sleep(0.2)
        assert not asked.done()
        server.server_activate()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return await asyncio.wait_for(asked, 10)

    assert asyncio.run(run())
    server.shutdown()
    server.server_close()
