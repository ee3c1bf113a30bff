"""Create a virtual environment from a lock, unless an up-to-date one exists.

usage: python3 -m tools.make_venv FOLDER REQUIREMENTS

REQUIREMENTS is a full lock: every package with its version and hashes, so nothing is resolved and nothing else is
installed. uv installs it in seconds if the lock or the program's environment has uv; otherwise, or if uv fails, pip
does. Standard library only, since it runs before anything is installed. The marker file in the folder is written last,
so an interrupted installation is repeated; a lock file beside the folder serializes concurrent processes.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import TextIO

OLDEST = (3, 11)
MARK = ".complete"
SECONDS = 900
LOCKED = ["--quiet", "--require-hashes", "--no-deps"]
PROGRAMS = Path(__file__).resolve().parents[1] / ".venv" / "bin"
UV = re.compile(r"(?m)^uv==.*(?:\n    .*)*\n")
# Each pip setting and uv's equivalent variable (docs.astral.sh/uv, "Compatibility with pip"): uv reads no pip.conf.
AS_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
}
AGAIN = "then run this again"
# Patterns of pip's error messages, the most specific first.
FULL = re.compile(r"No space left on device")
REFUSED = re.compile(r"Could not install requirement (\S+) .*?because of (HTTP error \d+ [^:]*)")
MISSING = re.compile(r"No matching distribution found for (\S+)")
UNBUILT = re.compile(
    r"Failed (?:to build|building wheel for) (?:installable wheels for some pyproject.toml based projects )?(\S+)"
)


class SetupError(Exception):
    """Raised when the environment cannot be created: one line with the subject, the rule and the remedy."""


def make(folder: Path, requirements: Path) -> None:
    """Create the environment; wait, with a message, while another process is creating it.

    Raises:
        SetupError: the environment cannot be created; the message has the remedy.
    """
    if sys.version_info < OLDEST:
        found, needed = sys.version.split()[0], ".".join(map(str, OLDEST))
        raise SetupError(f"Python is {found} and must be {needed} or newer; name one: make PYTHON=python{needed} setup")
    folder = folder.absolute()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder.with_name(f"{folder.name}.lock").open("a+") as lock:
            wait_for(lock, folder)
            if mark_of(folder) != fingerprint(requirements) or not (folder / "bin" / "python").exists():
                fill(folder, requirements, lock)
    except (OSError, shutil.Error) as error:
        raise SetupError(
            f"{folder} cannot be made: {one_line(error)}; see to its disk and its rights, {AGAIN}"
        ) from error


def wait_for(lock: TextIO, folder: Path) -> None:
    """Acquire the lock; a killed process's lock is released only when the pip that it started exits."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        print(f"{folder.name}: process {lock.read().strip()} is making it; waiting for its end", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()


def mark_of(folder: Path) -> str:
    """Return the fingerprint of a complete environment, empty if it is incomplete."""
    try:
        return (folder / MARK).read_text("utf-8")
    except OSError:
        return ""


def fingerprint(requirements: Path) -> str:
    """Return a hash of an environment's inputs: the lock and the Python version."""
    return hashlib.sha256("\0".join([requirements.read_text("utf-8"), sys.version]).encode()).hexdigest()


def fill(folder: Path, requirements: Path, lock: TextIO) -> None:
    """Recreate the environment.

    Raises:
        SetupError: a part of Python is missing, or a package cannot be installed.
    """
    if importlib.util.find_spec("ensurepip") is None:
        version = ".".join(map(str, sys.version_info[:2]))
        raise SetupError(
            f"{sys.executable} has no ensurepip; Debian has it in a package: apt-get install python{version}-venv"
        )
    if folder.is_symlink():
        raise SetupError(f"{folder} is a symbolic link; its target is not ours to replace: remove the link, {AGAIN}")
    count = len(re.findall(r"(?m)^[\w.-]+(\[.*\])?==", requirements.read_text("utf-8")))
    print(f"{folder.name}: installing {requirements.name}, {count} packages", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    python = folder / "bin" / "python"
    pip: list[str | Path] = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile", *LOCKED]
    venv.create(folder)
    run([python, "-m", "ensurepip", "--default-pip"], lock)
    if not by_uv(folder, requirements, pip, lock):
        rest = folder / "rest.txt"  # uv is installed by now, or unavailable
        rest.write_text(UV.sub("", requirements.read_text("utf-8")), "utf-8")
        run([*pip, "-r", rest], lock)
    (folder / MARK).write_text(fingerprint(requirements), "utf-8")


def by_uv(folder: Path, requirements: Path, pip: list[str | Path], lock: TextIO) -> bool:
    """Install the lock with uv; False if uv is missing, or failed, so that pip has to install or report the cause."""
    python, uv = folder / "bin" / "python", PROGRAMS / "uv"
    try:
        if own := UV.search(requirements.read_text("utf-8")):
            uv, part = folder / "bin" / "uv", folder / "uv.txt"
            part.write_text(own[0], "utf-8")
            run([*pip, "-r", part], lock)
        if not uv.exists():
            return False
        command: list[str | Path] = [uv, "pip", "install", "--python", python, *LOCKED, "-r", requirements]
        run(command, lock, uv_environment(python))
    except SetupError as error:
        print(f"{folder.name}: not by uv ({error}); pip does it, which takes about a minute", flush=True)
        return False
    return True


def uv_environment(python: Path) -> dict[str, str]:
    """Return uv's environment variables: this process's, with pip's settings such as the package index.

    Args:
        python: an interpreter that has pip.
    """
    listed = subprocess.run([python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    lines = [line.partition("=")[::2] for line in listed.stdout.splitlines()]
    settings: dict[str, str] = {}
    for scope in ("global.", "install.", ":env:."):  # the last one wins, as in pip
        settings |= {name.removeprefix(scope): value.strip("'\"") for name, value in lines if name.startswith(scope)}
    # The lock's hashes make it safe to search every index for a version.
    found = {"UV_INDEX_STRATEGY": "unsafe-best-match"}
    found |= {variable: settings[name] for name, variable in AS_UV.items() if name in settings}
    if "UV_FIND_LINKS" in found:
        found["UV_FIND_LINKS"] = ",".join(found["UV_FIND_LINKS"].split())
    return found | os.environ


def run(command: list[str | Path], lock: TextIO, environment: dict[str, str] | None = None) -> None:
    """Run pip or uv; the child process inherits the lock and holds it until it exits.

    Raises:
        SetupError: the command failed.
    """
    done = subprocess.run(
        command, pass_fds=[lock.fileno()], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        timeout=SECONDS, env=environment,
    )  # fmt: skip
    if done.returncode:
        raise SetupError(reason(done.stderr))


def reason(said: str) -> str:
    """Return pip's error in one line, with the package's name and a remedy."""
    if FULL.search(said):
        return f"the disk is full (pip: No space left on device); make room, {AGAIN}"
    index = "see that the package index serves it (pip config list)"
    refused, missing, unbuilt = REFUSED.search(said), MISSING.search(said), UNBUILT.search(said)
    if refused:
        return f"{refused[1]} cannot be downloaded: {refused[2]}; {index}, {AGAIN}"
    if missing:
        return f"{missing[1]} is not to be had: the package index has none or refuses it; {index}, {AGAIN}"
    if unbuilt:
        return f"{unbuilt[1]} has no wheel for this machine and cannot be built; use another Python, {AGAIN}"
    errors = [line for line in said.splitlines() if line.startswith("ERROR: ")] or said.strip().splitlines()
    return f"pip failed: {one_line((errors or ['without a message'])[-1])}; see to that, {AGAIN}"


def one_line(said: object) -> str:
    """Return a text without line breaks."""
    return " ".join(str(said).split())


def main(arguments: list[str]) -> int:
    """Create the environment; return the exit code, with one line on stderr if it is not 0."""
    try:
        make(Path(arguments[0]), Path(arguments[1]))
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except subprocess.TimeoutExpired:
        print(f"setup: pip did not end within {SECONDS} s; see to the network, {AGAIN}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("setup: interrupted; running it again goes on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
