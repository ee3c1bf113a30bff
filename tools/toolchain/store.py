"""The cache of toolchains: complete folders only, one writer at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from tools.toolchain import progress

if TYPE_CHECKING:
    from collections.abc import Iterator

UNFINISHED = ".unfinished-"
BUILD_CACHE = ".go-build"
LOG = "build.log"


class Store:
    """The folders below `root`: complete toolchains, named by their key."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, name: str) -> Path:
        """Return the path for the toolchain of a key, existing or not."""
        return self.root / name

    def find(self, key: str) -> Path | None:
        """Return the toolchain of a key, or None; without Go, one of the same files that any version of Go built."""
        names = [self.folder(key)] if not key.endswith("-") else sorted(self.root.glob(f"{key}go*"))
        return next((folder for folder in names if (folder / "bin" / "pulumi").exists()), None)

    @property
    def build_cache(self) -> Path:
        """The path of Go's build cache, kept after a failed build so that the next one resumes from it."""
        return self.root / BUILD_CACHE

    @property
    def log(self) -> Path:
        """The path of the last build's log."""
        return self.root / LOG

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the store's lock, waiting (with a message) for another process or for a killed one's children."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("a+") as file:
            self._wait(file)
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            progress.HELD.append(file.fileno())
            try:
                yield
            finally:
                progress.HELD.remove(file.fileno())

    @staticmethod
    def _wait(file: TextIO) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            print(f"toolchain: process {file.read().strip()} is at it already; waiting for it", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)

    @contextlib.contextmanager
    def fresh(self, name: str) -> Iterator[Path]:
        """Provide a temporary folder that is renamed to `name` on success and removed on failure."""
        self.sweep()
        unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=self.root))
        try:
            yield unfinished
            unfinished.chmod(0o755)
            unfinished.rename(self.folder(name))
        finally:
            remove(unfinished)

    def sweep(self) -> None:
        """Remove temporary folders of killed builds. The caller must hold the lock."""
        for path in self.root.glob(f"{UNFINISHED}*"):
            remove(path)

    def drop_build_cache(self) -> None:
        """Remove Go's build cache."""
        remove(self.build_cache)

    def clean(self) -> int:
        """Remove everything; return the number of bytes freed."""
        size = sum(path.lstat().st_size for path in self.root.rglob("*") if path.is_file()) if self.root.exists() else 0
        remove(self.root)
        return size


def remove(folder: Path) -> None:
    """Remove a folder if it exists, even if parts of it are write-protected."""
    if not folder.exists():
        return
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder)
