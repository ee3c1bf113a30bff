"""HAProxy's runtime API over its admin socket."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

POLL_SECONDS = 0.05


class Runtime:
    """Commands to the worker of one HAProxy."""

    def __init__(self, folder: Path) -> None:
        """Take the folder that holds admin.sock."""
        self._folder = folder

    async def command(self, line: str) -> str:
        """Send one command line and return the answer.

        Raises:
            OSError: nobody listens.
        """
        folder = os.open(self._folder, os.O_PATH | os.O_DIRECTORY)
        try:  # by the folder's descriptor: a socket's path may have 107 characters at most
            reader, writer = await asyncio.open_unix_connection(f"/proc/self/fd/{folder}/admin.sock")
        finally:
            os.close(folder)
        try:
            writer.write(f"{line}\n".encode())
            return (await asyncio.wait_for(reader.read(), 10)).decode()
        finally:
            writer.close()

    async def run(self, commands: list[str]) -> None:
        """Run commands in order; they take effect before this returns."""
        for start in range(0, len(commands), 20):
            await self.command(";".join(commands[start : start + 20]))

    async def worker(self, seconds: float) -> str | None:
        """Return the present worker's process id, waiting for one at most so long; None if none comes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                answer = await self.command("show info")
            except OSError:
                answer = ""
            for line in answer.splitlines():
                if line.startswith("Pid:"):
                    return line.removeprefix("Pid:").strip()
            await asyncio.sleep(POLL_SECONDS)
        return None

    async def other_worker(self, before: str, seconds: float) -> str | None:
        """Wait until another worker than the given one answers; None when none does in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            worker = await self.worker(seconds)
            if worker != before:
                return worker
            await asyncio.sleep(POLL_SECONDS)
        return None

    async def sessions(self, backend: str, server: str) -> int:
        """Return the requests that a server has under way or queued; 0 when nobody can tell."""
        try:
            answer = await self.command(f"show stat {backend} 4 -1")
        except OSError:
            return 0
        rows = csv.DictReader(io.StringIO(answer.removeprefix("# ")))
        return sum(int(row["scur"] or 0) + int(row["qcur"] or 0) for row in rows if row["svname"] == server)
