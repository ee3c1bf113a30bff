"""Run go commands and tell how far they are."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from tools.toolchain.errors import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import TextIO

EVERY_SECONDS = 15
PACKAGE = re.compile(r"[\w.~-]+(/[\w.~+-]+)*$")  # what `go build -v` prints for each package
DOWNLOAD = "go: downloading "
HELD: list[int] = []  # the store's lock, which go keeps for as long as it lives, also when this process is killed
# What go says of a failure, the most telling first; a module is named as `path@version`.
FULL = re.compile(r"no space left on device")
MODULE = re.compile(r"([^\s\"]+@v[^\s:]+): .*?((?:reading|Get) \S+?)[:;]? .*?(\d{3} \w[\w ]*|[^:]+?)\"?,?$")


def reason(words: list[str]) -> str:
    """Return what go said of a failure in one line, with the module's name and a remedy where it is known."""
    if any(FULL.search(line) for line in words):
        return "the disk is full; make room, or set LOCALCLOUD_CACHE to a folder with room, then run this again"
    for line in words:
        if found := MODULE.search(line):
            remedy = "see that the Go proxy serves it (go env GOPROXY), then run this again"
            return f"{found[1]} cannot be downloaded: {found[2]}: {found[3].strip()}; {remedy}"
    errors = [line for line in words if line.startswith("go: ")] or [line for line in words if line.strip()]
    return f"go failed: {' '.join((errors or ['without a message'])[-1].split())}; see to that, then run this again"


class Progress:
    """Prints a line now and then, and writes everything to a log."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.began = time.monotonic()
        log.write_text("", encoding="utf-8")

    def say(self, text: str) -> None:
        """Print one line with the time since the beginning."""
        minutes, seconds = divmod(int(time.monotonic() - self.began), 60)
        print(f"toolchain: {minutes}:{seconds:02} {text}", flush=True)

    def follow(
        self, command: list[str], folder: Path, environment: dict[str, str], title: str, expected: int = 0
    ) -> str:
        """Run a command to its end, telling how many of `expected` packages are done.

        Returns:
            What it printed on stdout.

        Raises:
            ToolchainError: it failed; the message has its own last words.
        """
        self.say(title)
        with (
            self.log.open("a", encoding="utf-8") as log,
            subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                pass_fds=HELD,
            ) as process,
        ):
            assert process.stdout is not None  # noqa: S101 - for mypy: both are pipes
            assert process.stderr is not None  # noqa: S101 - Popen was given a pipe
            words: list[str] = []
            reader = threading.Thread(target=self._watch, args=(process.stderr, log, words, title, expected))
            reader.start()
            try:
                printed = process.stdout.read()
                status = process.wait()
            except BaseException:  # Ctrl-C too: what was started must end
                process.kill()
                raise
            finally:
                reader.join()
        if status:
            raise ToolchainError(f"{title}: {reason([*words, *printed.splitlines()])} (all of it: {self.log})")
        return printed

    def _watch(self, lines: Iterable[str], log: TextIO, words: list[str], title: str, expected: int) -> None:
        """Count packages and downloads, keep other lines for the error message."""
        done, next_line = 0, time.monotonic() + EVERY_SECONDS
        for line in lines:
            log.write(line)
            text = line.rstrip()
            if text.startswith(DOWNLOAD) or PACKAGE.match(text):
                done += 1
            else:
                words.append(text)
            if time.monotonic() >= next_line:
                share = f"{min(99, done * 100 // expected)} % of {expected} packages" if expected else f"{done} modules"
                self.say(f"{title}: {share}")
                next_line = time.monotonic() + EVERY_SECONDS
