"""The host's child processes, and their interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format  # type: ignore[import-untyped]  # the package has no types

if TYPE_CHECKING:
    from pulumi.runtime.proto import language_pb2

HOST = str(Path(__file__).parent)
started: list[subprocess.Popen[bytes]] = []


def start(command: list[str], environment: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401 - Popen's own
    """Start a process with additional environment variables; `end` terminates it."""
    process: subprocess.Popen[bytes] = subprocess.Popen(command, env=os.environ | (environment or {}), **options)
    started.append(process)
    return process


def end() -> None:
    """Terminate all child processes."""
    for process in started:
        process.terminate()


def python(info: language_pb2.ProgramInfo) -> str:
    """Return the interpreter of a program.

    Raises:
        FileNotFoundError: its virtual environment is missing.
    """
    options = json_format.MessageToDict(info.options)
    folder = options.get("virtualenv") or (".venv" if options.get("toolchain") == "uv" else None)
    if not folder:
        return sys.executable
    found = Path(info.root_directory) / folder / "bin" / "python"
    if not found.exists():
        raise FileNotFoundError(
            f"{found} does not exist: create the virtual environment {folder!r} that Pulumi.yaml names"
        )
    return str(found)


def about(info: language_pb2.ProgramInfo) -> dict[str, Any]:
    """Return the output of module `about` run by the program's interpreter."""
    command = [python(info), HOST, "--about"]
    found: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return found
