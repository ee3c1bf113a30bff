"""Runs a program in this interpreter; the engine's RunRequest is read from stdin."""

from __future__ import annotations

import asyncio
import logging
import os
import runpy
import signal
import sys
import traceback
from concurrent import futures
from pathlib import Path

import pulumi
from pulumi.runtime.proto import language_pb2

from . import SHOWN


def _prepare() -> Path:
    """Initialize the SDK's runtime from the request; return the program's path."""
    request = language_pb2.RunRequest.FromString(sys.stdin.buffer.read())
    program = Path(os.path.normpath(Path(request.info.program_directory) / (request.info.entry_point or ".")))
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            project=request.project,
            stack=request.stack,
            organization=request.organization,
            parallel=request.parallel,
            dry_run=request.dryRun,
            monitor=request.monitor_address,
            engine=request.args[0] if request.args else None,
            root_directory=request.info.root_directory,
        )
    )
    pulumi.runtime.set_all_config(dict(request.config), list(request.configSecretKeys))
    sys.argv = [str(program), *request.args[1:]]
    sys.path[0] = str(program if program.is_dir() else program.parent)
    os.chdir(request.pwd or request.info.program_directory)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_default_executor(futures.ThreadPoolExecutor(max(request.parallel, 1) * 4))
    return program


def _described(error: Exception) -> str:
    """Return the traceback from the program's first frame on, without those of this file and the SDK."""
    trace = error.__traceback__
    while trace:
        name = trace.tb_frame.f_code.co_filename
        if name.startswith(sys.path[0]) and not name.startswith((sys.prefix, str(Path(__file__).parent))):
            break
        trace = trace.tb_next
    return "".join(traceback.format_exception(error.with_traceback(trace or error.__traceback__)))


def _run(program: str) -> None:
    runpy.run_path(program, run_name="__main__")


def main() -> int:
    """Run the program; return the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback on Ctrl-C
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # errors are reported below, once
    program = str(_prepare())
    sys.modules.pop("host", None)  # the program may have a package of that name
    try:
        run = pulumi.runtime.run_in_stack(lambda: _run(program))
        asyncio.get_event_loop().run_until_complete(run)
    except pulumi.RunError as error:  # meant for the user: no traceback
        pulumi.log.error(str(error))
        return SHOWN
    except Exception as error:  # noqa: BLE001 - any exception of the program is reported here
        pulumi.log.error("Program failed with an unhandled exception:\n" + _described(error))
        return SHOWN
    return 0
