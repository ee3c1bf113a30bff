"""Management of the server process: its record, health, start and stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud.settings import NAME, PACKAGE, UserError

if TYPE_CHECKING:
    from localcloud.settings import Settings

START_SECONDS = 90
STOP_SECONDS = 15
HEALTH_SECONDS = 5
COMMAND_LENGTH = 80
"""Maximum length of a command line in messages."""


def record_path(settings: Settings) -> Path:
    """Return the path of the record of the process."""
    return settings.state_dir / "run.json"


def read_record(settings: Settings) -> dict[str, Any]:
    """Return the record of the running or last process: pid, start time, endpoint, images; empty if there is none."""
    try:
        record: dict[str, Any] = json.loads(record_path(settings).read_text())
    except (OSError, ValueError):
        return {}
    return record


def refuse_another_network(settings: Settings) -> None:
    """Refuse a Docker network other than the one that this state folder was last used with.

    Raises:
        UserError: the networks differ; the message names the setting to use.
    """
    recorded = read_record(settings).get("network", settings.network)
    if recorded != settings.network:
        raise UserError(
            f"the local cloud in {settings.state_dir} is on the Docker network {recorded}, not {settings.network}, "
            f"which may be another's: set LOCALCLOUD_NETWORK={recorded}"
        )


def write_record(settings: Settings, record: dict[str, Any]) -> None:
    """Replace the record atomically."""
    new = record_path(settings).with_suffix(".new")
    new.write_text(json.dumps(record, indent=2))
    new.replace(record_path(settings))


def forget(settings: Settings) -> None:
    """Remove the process from the record; the rest (image names) stays."""
    record = read_record(settings)
    record.pop("pid", None)
    write_record(settings, record)


def birth_of(pid: int) -> str:
    """Return a process's start time in kernel ticks, or "" if it has exited or there is no /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def running_pid(settings: Settings) -> int | None:
    """Return the pid of our process, or None if it has exited, even if its pid was reused."""
    record = read_record(settings)
    pid = record.get("pid")
    if not isinstance(pid, int):
        return None
    if sys.platform == "linux":
        return None if is_gone(pid, str(record.get("birth"))) else pid
    return pid if health(settings).get("pid") == pid else None


def health(settings: Settings) -> dict[str, Any]:
    """Return the content of the health page; empty if our process does not respond."""
    try:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"{settings.endpoint}/_localcloud/health", timeout=HEALTH_SECONDS) as answer:
            page: dict[str, Any] = json.load(answer)
    except (OSError, ValueError):
        return {}
    return page if page.get("state") == str(settings.state_dir) else {}


def start(settings: Settings, record: dict[str, Any]) -> dict[str, Any]:
    """Start the process, detached so that it outlives this command, wait until it is ready, return its health.

    Args:
        settings: this local cloud's settings.
        record: the record to store with the pid; its image names go into the process's environment.

    Raises:
        UserError: the port is taken or the process does not become ready.
    """
    refuse_taken_port(settings.port)
    log = settings.log_dir / "localcloud.log"
    environment = {
        # It only connects to this machine.
        **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        "LOCALCLOUD_NAME": NAME,
        "LOCALCLOUD_STATE": str(settings.state_dir),
        "LOCALCLOUD_PORT": str(settings.port),
        "LOCALCLOUD_NETWORK": settings.network,
        "PYTHONUNBUFFERED": "1",
        **record["images"],
    }
    with log.open("ab") as stream:
        child = subprocess.Popen(
            [sys.executable, "-m", "localcloud", "serve"],
            env=environment, cwd=PACKAGE.parent, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
            start_new_session=True,
        )  # fmt: skip
    write_record(settings, {**record, "pid": child.pid, "birth": birth_of(child.pid)})
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        page = health(settings)
        if page.get("ready"):
            return page
        time.sleep(0.05)
    child.terminate()
    last = (log.read_text(errors="replace").strip().splitlines() or ["no message"])[-1]
    raise UserError(f"the local cloud did not start: {last} (log: {log})")


def stop(settings: Settings) -> bool:
    """Stop our process, killing it after 15 s; False if it is not running."""
    pid = running_pid(settings)
    if pid is None:
        return False
    birth = birth_of(pid)
    for sign in (signal.SIGTERM, signal.SIGKILL):
        os.kill(pid, sign)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if is_gone(pid, birth):
                forget(settings)
                return True
            time.sleep(0.05)
    return True


def is_gone(pid: int, birth: str) -> bool:
    """Tell whether a process has exited (a zombie has)."""
    if sys.platform != "linux":
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z" or birth_of(pid) != birth


def refuse_taken_port(port: int) -> None:
    """Raise UserError, naming the process, if one already listens on the port of the loopback address."""
    inodes = listening_inodes(port)
    if inodes:
        raise UserError(f"port {port} is taken by {holder_of(inodes)}: stop it, or set LOCALCLOUD_PORT to a free port")


def listening_inodes(port: int) -> set[str]:
    """Return the inodes of the sockets that listen on the port of 127.0.0.1 or of all addresses."""
    try:
        tables = [Path("/proc/net", name).read_text() for name in ("tcp", "tcp6") if Path("/proc/net", name).exists()]
    except OSError:
        return set()
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    wanted = {f"{address}:{port:04X}" for address in ("0100007F", "0" * 8, "0" * 32, "0" * 20 + "FFFF00000100007F")}
    return {row[9] for row in rows if row[1] in wanted and row[3] == "0A"}


def holder_of(inodes: set[str]) -> str:
    """Return the pid and command of the process that owns one of the sockets."""
    targets = {f"socket:[{inode}]" for inode in inodes}
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(entry.readlink()) in targets:
                pid = entry.parts[2]
                words = Path("/proc", pid, "cmdline").read_bytes().decode(errors="replace").split("\0")
                return f"process {pid} ({' '.join(words).strip()[:COMMAND_LENGTH]})"
        except OSError:
            continue
    return "another user's process"
