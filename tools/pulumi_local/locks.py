"""The lock of a `pulumi` that was killed: on AWS its user has to know that, here its process can be looked up."""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import TYPE_CHECKING

from contract.names import PROJECT

if TYPE_CHECKING:
    from pathlib import Path


def release(backend: Path, stack: str) -> bool:
    """Remove the locks of a stack whose processes ran on this machine and do not exist any more, one line for each.

    Args:
        backend: the folder of the local backend.
        stack: the stack's name.

    Returns:
        Whether one was removed: what its process was creating is not in the state.
    """
    released = False
    for lock in sorted((backend / ".pulumi" / "locks").glob(f"*/{PROJECT}/{stack}/*.json")):
        try:
            held = json.loads(lock.read_bytes())
            pid, host = int(held["pid"]), held["hostname"]
        except (OSError, ValueError, TypeError, KeyError):  # Pulumi says what it makes of it
            continue
        if host == socket.gethostname() and not _runs(pid):
            lock.unlink(missing_ok=True)
            text = f"process {pid} was killed while it worked on stack {stack}; its lock is removed"
            print(f"pulumi-local: {text}", file=sys.stderr)
            released = True
    return released


def _runs(pid: int) -> bool:
    """Return whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
