"""A program `docker` that keeps how it was called, and ends as a test wants."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PROGRAM = """#!/bin/sh
printf '%s\\n' "$*" >> "{folder}/calls"
if [ -n "$DOCKER_CONFIG" ]; then
    cp "$DOCKER_CONFIG/config.json" "{folder}/login"
    stat -c %a "$DOCKER_CONFIG/config.json" > "{folder}/mode"
fi
if [ -f "{folder}/fails" ]; then
    case "$*" in *"$(cat "{folder}/fails")"*) echo "what went wrong"; exit 3;; esac
fi
if [ -f "{folder}/hangs" ]; then
    case "$*" in *"$(cat "{folder}/hangs")"*) exec sleep 100;; esac
fi
case "$1" in
    image) cat "{folder}/platform" ;;
    version) case "$*" in *Arch*) echo linux/amd64 ;; esac ;;
    create) echo the-container ;;
    export) cat "{folder}/files.tar" ;;
esac
"""


@dataclass
class Docker:
    """The program's folder, which is the first on PATH."""

    folder: Path

    @classmethod
    def on_path(cls, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
        """Make the program and put it on PATH."""
        folder.mkdir()
        program = folder / "docker"
        program.write_text(PROGRAM.format(folder=folder))
        program.chmod(0o755)
        (folder / "platform").write_text("linux/amd64\n")
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        return cls(folder)

    def fails(self, words: str) -> None:
        """Let calls with these words fail."""
        (self.folder / "fails").write_text(words)

    def hangs(self, words: str) -> None:
        """Let calls with these words never end."""
        (self.folder / "hangs").write_text(words)

    def calls(self, command: str = "") -> list[str]:
        """Return the calls of a command, as they were typed."""
        calls = self.folder / "calls"
        held = calls.read_text().splitlines() if calls.exists() else []
        return [line for line in held if line.startswith(command)]
