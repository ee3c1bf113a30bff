"""A client of HAProxy's runtime API, over its admin socket."""

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
FRONTENDS_AND_SERVERS = 1 + 4
"""The bits of both in a type of `show stat` (HAProxy management guide)."""


class Runtime:
    """The runtime API of one HAProxy's current worker."""

    def __init__(self, folder: Path) -> None:
        """Use the admin.sock in the folder."""
        self._folder = folder

    async def command(self, line: str) -> str:
        """Send one command line and return the response.

        Raises:
            OSError: no worker listens.
        """
        folder = os.open(self._folder, os.O_PATH | os.O_DIRECTORY)
        try:  # by the folder's descriptor: a socket path is limited to 107 characters
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
        """Return the current worker's pid, waiting up to the given time for one; None on a timeout."""
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
        """Return the pid of a worker other than the given one, waiting for it; None on a timeout."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            worker = await self.worker(seconds)
            if worker != before:
                return worker
            await asyncio.sleep(POLL_SECONDS)
        return None

    async def counters(self) -> tuple[str, list[dict[str, str]]]:
        """Return the current worker's pid and its statistics of listeners and targets: a row for each.

        Raises:
            OSError: no worker listens.
        """
        answer = await self.command("show info")
        worker = next((line[4:].strip() for line in answer.splitlines() if line.startswith("Pid:")), "")
        text = await self.command(f"show stat -1 {FRONTENDS_AND_SERVERS} -1")
        return worker, list(csv.DictReader(io.StringIO(text.removeprefix("# ").strip())))

    async def sessions(self, backend: str, server: str) -> int:
        """Return a server's number of in-flight and queued requests; 0 if unknown."""
        try:
            answer = await self.command(f"show stat {backend} 4 -1")
        except OSError:
            return 0
        rows = csv.DictReader(io.StringIO(answer.removeprefix("# ")))
        return sum(int(row["scur"] or 0) + int(row["qcur"] or 0) for row in rows if row["svname"] == server)
