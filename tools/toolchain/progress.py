"""Runs go commands and reports their progress."""

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
PACKAGE = re.compile(r"[\w.~-]+(/[\w.~+-]+)*$")  # a line of `go build -v`: one package
DOWNLOAD = "go: downloading "
HELD: list[int] = []  # the lock of the store; go inherits it, and holds it even if this process is killed
# Patterns of go's error messages, the most specific first; a module is named as `path@version`.
FULL = re.compile(r"no space left on device")
MODULE = re.compile(r"([^\s\"]+@v[^\s:]+): .*?((?:reading|Get) \S+?)[:;]? .*?(\d{3} \w[\w ]*|[^:]+?)\"?,?$")


def reason(words: list[str]) -> str:
    """Return the reason of go's failure in one line, with the module's name, and a remedy if known."""
    if any(FULL.search(line) for line in words):
        return "the disk is full; free space, or set LOCALCLOUD_CACHE to a folder elsewhere, then run this again"
    for line in words:
        if found := MODULE.search(line):
            remedy = "check that the Go proxy serves it (go env GOPROXY), then run this again"
            return f"{found[1]} cannot be downloaded: {found[2]}: {found[3].strip()}; {remedy}"
    errors = [line for line in words if line.startswith("go: ")] or [line for line in words if line.strip()]
    return f"go failed: {' '.join((errors or ['without a message'])[-1].split())}; see to that, then run this again"


class Progress:
    """Prints a progress line at intervals, and writes all output to a log."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.began = time.monotonic()
        log.write_text("", encoding="utf-8")

    def say(self, text: str) -> None:
        """Print one line with the elapsed time."""
        minutes, seconds = divmod(int(time.monotonic() - self.began), 60)
        print(f"toolchain: {minutes}:{seconds:02} {text}", flush=True)

    def follow(
        self, command: list[str], folder: Path, environment: dict[str, str], title: str, expected: int = 0
    ) -> str:
        """Run a command to completion, reporting how many of `expected` packages are done.

        Returns:
            The command's standard output.

        Raises:
            ToolchainError: the command failed; the message includes its last lines of output.
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
            assert process.stdout is not None  # noqa: S101 - Popen was given a pipe
            assert process.stderr is not None  # noqa: S101 - Popen was given a pipe
            words: list[str] = []
            reader = threading.Thread(target=self._watch, args=(process.stderr, log, words, title, expected))
            reader.start()
            try:
                printed = process.stdout.read()
                status = process.wait()
            except BaseException:  # Ctrl-C too: the command must not keep running
                process.kill()
                raise
            finally:
                reader.join()
        if status:
            raise ToolchainError(f"{title}: {reason([*words, *printed.splitlines()])} (all of it: {self.log})")
        return printed

    def _watch(self, lines: Iterable[str], log: TextIO, words: list[str], title: str, expected: int) -> None:
        """Count packages and downloads; collect other lines for the error message."""
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
