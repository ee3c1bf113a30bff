"""The commands and their output: tables on a terminal, plain lines elsewhere, JSON on request."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
from docker.errors import DockerException
from requests.exceptions import RequestException
from rich.console import Console
from rich.table import Table

from localcloud.commands import lifecycle, process, reset, sweep
from localcloud.docker_engine import daemon, dockerd, engine, qemu
from localcloud.preflight import look
from localcloud.settings import COMMAND, UserError

if TYPE_CHECKING:
    import argparse

    from localcloud.settings import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run a command and return its exit code.

    Raises:
        UserError: the command fails; the message includes the remedy.
    """
    try:
        code: int = globals()[f"run_{options.command}"](options, settings)
    except (DockerException, RequestException) as error:
        first = str(error).splitlines()[0]
        raise UserError(f"the Docker Engine refused: {first}") from error
    except OSError as error:
        raise UserError(f"{error}; the state folder is {settings.state_dir}, LOCALCLOUD_STATE names another") from error
    except subprocess.TimeoutExpired as error:
        raise UserError(f"{error.cmd[0]} did not end within {error.timeout:.0f} s; try again") from error
    return code


def say(line: str) -> None:
    """Print a progress line, unbuffered."""
    print(f"localcloud: {line}", flush=True)


def run_up(options: argparse.Namespace, settings: Settings) -> int:
    """Start the local cloud and print its endpoint."""
    started = time.monotonic()
    if problems := look.require(look.LOCAL_CLOUD, settings, yes=daemon.allowed(yes=options.yes), say=say):
        return look.report("localcloud up", problems)
    record = lifecycle.up(settings, say)
    own = ", ".join(record["own"]) or "none"
    say(f"ready at {record['endpoint']} after {time.monotonic() - started:.1f} s (process {record['pid']})")
    say(f"containers reach it at http://{record['gateway']}:{settings.port} on the Docker network {settings.network}")
    say(f"in a browser, {record['endpoint']}/ shows what runs and takes approvals, retries and rollbacks")
    say(f"served by containers and code of our own: {own}; the rest by ministack; logs in {settings.log_dir}")
    return 0


def run_status(options: argparse.Namespace, settings: Settings) -> int:
    """Print the status; exit code 0 if it is running, else 3."""
    found = lifecycle.status(settings)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)
    return 0 if found["running"] else 3


def show(found: dict[str, Any]) -> None:
    """Print a status as a table."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in found.items():
        if isinstance(value, dict):
            text = "\n".join(f"{key}: {item}" for key, item in value.items()) or "none"
        else:
            text = ", ".join(value) if isinstance(value, list) else str(value)
        table.add_row(name.replace("_", " "), text)
    Console(soft_wrap=True).print(table)


def run_env(options: argparse.Namespace, settings: Settings) -> int:
    """Print the environment variables, for `eval` or as JSON."""
    found = lifecycle.environment(settings)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(f"export {name}={shlex.quote(value)}" for name, value in found.items()))
    return 0


def run_clock(options: argparse.Namespace, settings: Settings) -> int:
    """Advance the clock of pipelines and builds."""
    answer = control(settings, "clock", {"advance": options.seconds})
    say(f"pipelines and builds are {answer['ahead']:.0f} s ahead of this machine's clock")
    return 0


def run_connect(options: argparse.Namespace, settings: Settings) -> int:
    """Make a connection AVAILABLE."""
    answer = control(settings, "codeconnections/complete", {"ConnectionArn": options.connection})
    say(f"the connection {answer['ConnectionName']} is {answer['ConnectionStatus']}: {answer['ConnectionArn']}")
    return 0


def run_emulate(options: argparse.Namespace, settings: Settings) -> int:
    """Enable or disable the emulation of linux/arm64."""
    if options.off:
        qemu.forget(say)
    else:
        with dockerd.one_at_a_time(settings, say):
            qemu.ensure(engine.require(), settings.cache_dir, say)
    return 0


def control(settings: Settings, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Send a POST request to the server process; return its response.

    Raises:
        UserError: the process is not running, or refuses the request.
    """
    if not process.health(settings).get("ready"):
        raise UserError(f"the local cloud is not running: run: {COMMAND} up")
    try:
        answer = httpx.post(f"{settings.endpoint}/_localcloud/{path}", json=body, timeout=10, trust_env=False)
        found = dict(answer.json())
    except (httpx.HTTPError, ValueError) as error:
        raise UserError(f"the local cloud refused {path}: {error}; see its log: {settings.log_dir}") from error
    if answer.is_error:
        raise UserError(found["message"])
    return found


def run_down(_options: argparse.Namespace, settings: Settings) -> int:
    """Stop the local cloud."""
    say("stopped; state is kept" if lifecycle.down(settings, say) else "nothing runs")
    return 0


def run_reset(options: argparse.Namespace, settings: Settings) -> int:
    """Remove the local cloud's state."""
    (reset.reset_all if options.all else reset.reset)(settings, say)
    say("reset; nothing is left")
    return 0


def run_sweep(options: argparse.Namespace, settings: Settings) -> int:
    """List leftover resources; exit code 1 if there are any."""
    left = sweep.left_over(settings)
    if options.json:
        print(json.dumps(left, indent=2))
    else:
        print("\n".join(left) if left else "nothing left")
    return 1 if left else 0


def run_serve(_options: argparse.Namespace, settings: Settings) -> int:
    """Run the server process (started by `up`)."""
    from localcloud import server  # noqa: PLC0415  slow to import, and only the process needs it

    server.serve(settings)
    sys.stdout.flush()
    return 0
