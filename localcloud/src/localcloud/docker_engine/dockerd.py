"""The Docker daemon that we install, start and find again, with Python's standard library only."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.docker_engine import daemon
from localcloud.settings import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localcloud.settings import Settings

PACKAGES = ["docker.io", "iptables", "mmdebstrap"]
START_SECONDS = 30
GONE_SECONDS = 5


@contextmanager
def one_at_a_time(settings: Settings, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the cache's lock: local clouds that share a Docker Engine and base images create them once.

    Raises:
        UserError: the cache folder cannot be created.
    """
    try:
        settings.cache_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{error}; set LOCALCLOUD_CACHE to another folder than {settings.cache_dir}") from error
    with (settings.cache_dir / "lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another local cloud is preparing the Docker Engine and base images: waiting for it")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def ensure(settings: Settings, say: Callable[[str], None]) -> None:
    """Install and start a daemon, unless one already responds.

    Args:
        settings: the settings; their cache folder holds the daemon's data, log and pid.
        say: takes progress lines.

    Raises:
        UserError: apt-get fails, or the daemon does not respond within 30 s.
    """
    with one_at_a_time(settings, say):
        if daemon.answers():
            return
        if shutil.which("dockerd") is None:
            say(f"installing {' '.join(PACKAGES)} (about 20 s, 350 MB)")
            apt_install(PACKAGES)
        if not daemon.answers():  # a service manager may have started the package's service
            start(settings, say)


def apt_install(packages: list[str]) -> None:
    """Install Debian packages non-interactively, without starting services.

    Raises:
        UserError: apt-get fails; the message includes its last line.
    """
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
        done = subprocess.run(
            ["apt-get", *arguments], env=environment, capture_output=True, text=True, check=False, timeout=600
        )
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise UserError(f"apt-get {arguments[0]} failed: {last}; install {' '.join(packages)} by hand")


def command(folder: Path, at: Path) -> list[str]:
    """Return the command that starts our daemon: data in the folder, insecure registries on loopback.

    Without --bip the default bridge gets no gateway address on some machines, and builds get no network endpoint. With
    --live-restore containers survive a killed daemon, and the next one adopts them.
    """
    return [
        "dockerd", "--data-root", str(folder), "--exec-root", str(folder.with_name("docker-exec")),
        "--pidfile", str(folder.with_name("dockerd.pid")), "-H", f"unix://{at}",
        "--insecure-registry", "127.0.0.0/8", "--bip", "172.17.0.1/16", "--live-restore",
    ]  # fmt: skip


def start(settings: Settings, say: Callable[[str], None], at: Path = daemon.DEFAULT_SOCKET) -> None:
    """Start our daemon, detached so that it outlives this command, and wait until it responds.

    Raises:
        UserError: it does not respond within 30 s.
    """
    settings.cache_dir.mkdir(parents=True, exist_ok=True)
    log = settings.cache_dir / "dockerd.log"
    say(f"starting a Docker Engine of our own (about 2 s; data in {settings.cache_dir / 'docker'}, log {log})")
    remove_stale_pidfile(settings.cache_dir / "dockerd.pid", "dockerd")
    # containerd exits shortly after its dockerd; with a stale pid file the next dockerd would wait for it in vain.
    remove_stale_pidfile(settings.cache_dir / "docker-exec/containerd/containerd.pid", "containerd")
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command(settings.cache_dir / "docker", at),
            stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True, cwd="/",
        )  # fmt: skip
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if daemon.answers(f"unix://{at}"):
            return
        time.sleep(0.1)
    stop_process(process)
    raise UserError(f"the Docker Engine that we started does not answer: read {log}")


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """Kill a daemon that failed to start."""
    if process.poll() is None:
        process.terminate()
        process.wait(START_SECONDS)


def our_pid(settings: Settings) -> int | None:
    """Return the process id of the daemon that we started, or None if it is not running."""
    try:
        pid = int((settings.cache_dir / "dockerd.pid").read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if str(settings.cache_dir / "docker").encode() in words else None


def unmount_below(folder: Path) -> None:
    """Unmount what a killed daemon left mounted below a folder, so that the folder can be removed."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((path for path in mounts if Path(path).is_relative_to(folder)), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False)


def remove_stale_pidfile(path: Path, name: str) -> None:
    """Remove the pid file of a program that has exited: the next dockerd would refuse to start.

    A killed program gets a moment to exit; it may also remain as a zombie.
    """
    deadline = time.monotonic() + GONE_SECONDS
    while (alive := runs(path, name)) and time.monotonic() < deadline:
        time.sleep(0.1)
    if not alive:
        path.unlink(missing_ok=True)


def runs(pidfile: Path, name: str) -> bool:
    """Tell whether a pid file names a running program; an exited one has no command line."""
    try:
        command_line = Path(f"/proc/{int(pidfile.read_text())}/cmdline").read_bytes()
    except (OSError, ValueError):
        return False
    return Path(os.fsdecode(command_line.split(b"\0")[0])).name == name
