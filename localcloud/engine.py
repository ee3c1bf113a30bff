"""The Docker Engine: the one that runs, else one that we install and start, where that may be done."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import docker
from docker.errors import DockerException

from localcloud.settings import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.settings import Settings

DEFAULT_SOCKET = Path("/var/run/docker.sock")
PACKAGES = ["docker.io", "iptables", "mmdebstrap"]
START_SECONDS = 30
GONE_SECONDS = 5
ASK_SECONDS = 10
"""How long a daemon that listens may take to answer."""


def client(timeout: int = 60) -> docker.DockerClient | None:
    """Return a client of the reachable daemon, else None: asked, since a `docker` command proves nothing.

    DOCKER_HOST decides where it is set, otherwise the default socket.
    """
    try:
        found = docker.from_env(timeout=ASK_SECONDS)
        found.ping()
        found.close()
        return docker.from_env(timeout=timeout)
    except (DockerException, OSError):
        return None


def require() -> docker.DockerClient:
    """Return a client of the reachable daemon.

    Raises:
        UserError: none answers.
    """
    found = client()
    if found is None:
        refuse_silent(socket_path())
        where = os.environ.get("DOCKER_HOST") or f"unix://{DEFAULT_SOCKET}"
        raise UserError(f"no Docker Engine answers at {where}: start it, or run: make up")
    return found


def ensure(settings: Settings, *, yes: bool, say: Callable[[str], None]) -> docker.DockerClient:
    """Return a client of the reachable daemon, starting (and installing) one of our own where none is.

    Args:
        settings: whose cache folder takes the daemon's data, log and pid.
        yes: go ahead without asking (so does CI=true).
        say: takes progress lines.

    Raises:
        UserError: there is none and it may not be started here, or it does not start.
    """
    found = client()
    if found is not None:
        return found
    refuse_silent(socket_path())
    refuse_where_not_ours(os.environ.get("DOCKER_HOST", ""), os.geteuid(), shutil.which("dockerd"))
    confirm(yes=yes)
    if shutil.which("dockerd") is None:
        install(say)
    if not answers(DEFAULT_SOCKET):  # a package may start its service where there is a service manager
        start(settings, say)
    return require()


def socket_path() -> Path:
    """Return the socket that a daemon is expected at; one over TCP has none."""
    return Path((os.environ.get("DOCKER_HOST") or f"unix://{DEFAULT_SOCKET}").removeprefix("unix://"))


def refuse_silent(path: Path) -> None:
    """Raise UserError where a daemon listens that gives no answer, or that this user may not ask.

    A socket that nobody listens at is none: a daemon that was killed leaves it, and the next one takes its place.
    """
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(2)
        try:
            asked.connect(str(path))
        except PermissionError as error:
            raise UserError(
                f"this user may not use {path}: add it to the group docker and log in again, or run this as root"
            ) from error
        except OSError:
            return
    raise UserError(f"a Docker Engine listens at {path} and gives no answer: restart it, then run this again")


def refuse_where_not_ours(docker_host: str, user_id: int, dockerd: str | None) -> None:
    """Raise UserError where no daemon of ours may be started: another is named, no root, no apt."""
    if docker_host and docker_host != f"unix://{DEFAULT_SOCKET}":
        raise UserError(
            f"DOCKER_HOST is {docker_host} and no Docker Engine answers there: start it or unset DOCKER_HOST"
        )
    if sys.platform != "linux":
        raise UserError("no Docker Engine answers: start Docker Desktop, then run this again")
    if user_id != 0:
        raise UserError("no Docker Engine answers and starting one needs root: start Docker, or run this as root")
    if dockerd is None and shutil.which("apt-get") is None:
        raise UserError("no Docker Engine answers and there is no apt-get to install it: install Docker, then start it")


def confirm(*, yes: bool) -> None:
    """Ask on a terminal; raise UserError where nobody can be asked or the answer is no."""
    if yes or os.environ.get("CI") == "true":
        return
    if not sys.stdin.isatty():
        raise UserError("no Docker Engine answers; to have one installed and started here, add --yes or set CI=true")
    question = f"No Docker Engine answers. Install ({' '.join(PACKAGES)}, 350 MB) and start one now? [y/N] "
    if input(question).strip().lower() not in ("y", "yes"):
        raise UserError("no Docker Engine answers and none may be started: start Docker, then run this again")


def install(say: Callable[[str], None]) -> None:
    """Install the Docker Engine from the system's packages (as root).

    Raises:
        UserError: apt-get fails.
    """
    say(f"installing {' '.join(PACKAGES)} (about 20 s, 350 MB)")
    apt_install(PACKAGES)


def apt_install(packages: list[str]) -> None:
    """Install Debian packages without questions; starts no service.

    Raises:
        UserError: apt-get fails; the message holds its last line.
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
    """Return the command that starts our own daemon: data in the folder, loopback registries insecure.

    Without --bip the default bridge gets no gateway address on some machines and builds no endpoint. With
    --live-restore containers outlive a daemon that is killed, and the next one takes them over.
    """
    return [
        "dockerd", "--data-root", str(folder), "--exec-root", str(folder.with_name("docker-exec")),
        "--pidfile", str(folder.with_name("dockerd.pid")), "-H", f"unix://{at}",
        "--insecure-registry", "127.0.0.0/8", "--bip", "172.17.0.1/16", "--live-restore",
    ]  # fmt: skip


def start(settings: Settings, say: Callable[[str], None], at: Path = DEFAULT_SOCKET) -> None:
    """Start our own daemon, detached so that it outlives this command, and wait until it answers.

    Raises:
        UserError: it does not answer within 30 s.
    """
    settings.cache_dir.mkdir(parents=True, exist_ok=True)
    log = settings.cache_dir / "dockerd.log"
    say(f"starting a Docker Engine of our own (about 2 s; data in {settings.cache_dir / 'docker'}, log {log})")
    remove_stale_pidfile(settings.cache_dir / "dockerd.pid", "dockerd")
    # It ends with its dockerd, a moment later; the next dockerd would wait for it in vain.
    remove_stale_pidfile(settings.cache_dir / "docker-exec/containerd/containerd.pid", "containerd")
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command(settings.cache_dir / "docker", at),
            stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True, cwd="/",
        )  # fmt: skip
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if answers(at):
            return
        time.sleep(0.1)
    stop_process(process)
    raise UserError(f"the Docker Engine that we started does not answer: read {log}")


def answers(at: Path) -> bool:
    """Tell whether a daemon answers at the socket."""
    try:
        with_socket = docker.DockerClient(base_url=f"unix://{at}", timeout=2)
        try:
            return bool(with_socket.ping())
        finally:
            with_socket.close()
    except (DockerException, OSError):
        return False


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """End a daemon that did not come up."""
    if process.poll() is None:
        process.terminate()
        process.wait(START_SECONDS)


def our_pid(settings: Settings) -> int | None:
    """Return the process id of the daemon that we started, None where it is not running."""
    try:
        pid = int((settings.cache_dir / "dockerd.pid").read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if str(settings.cache_dir / "docker").encode() in words else None


def stop(settings: Settings) -> bool:
    """Stop the daemon that we started, with what it runs; False where there is none. Another's is never touched."""
    pid = our_pid(settings)
    if pid is None:
        return False
    for container in require().containers.list(ignore_removed=True):
        with contextlib.suppress(DockerException):
            container.kill()
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + START_SECONDS
    while our_pid(settings) is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    return True


def unmount_below(folder: Path) -> None:
    """Detach what a daemon that was killed has left mounted in a folder, so that the folder can be removed."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((path for path in mounts if Path(path).is_relative_to(folder)), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False)


def remove_stale_pidfile(path: Path, name: str) -> None:
    """Remove the pid file of a program that is gone, since the next dockerd would not start beside it.

    One that was killed has a moment to go; it may also stay for its parent to ask for its exit status.
    """
    deadline = time.monotonic() + GONE_SECONDS
    while (alive := runs(path, name)) and time.monotonic() < deadline:
        time.sleep(0.1)
    if not alive:
        path.unlink(missing_ok=True)


def runs(pidfile: Path, name: str) -> bool:
    """Tell whether a pid file names a program that runs: one that has ended has no command line any more."""
    try:
        command_line = Path(f"/proc/{int(pidfile.read_text())}/cmdline").read_bytes()
    except (OSError, ValueError):
        return False
    return Path(os.fsdecode(command_line.split(b"\0")[0])).name == name
