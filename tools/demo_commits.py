"""The commits of the demo: the project's working tree, and changes on top, pushed to the local GitHub."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.settings import UserError

if TYPE_CHECKING:
    from pathlib import Path

WHO = ["-c", "user.name=Demo", "-c", "user.email=demo@example.org", "-c", "core.hooksPath=/dev/null"]


@dataclass(frozen=True)
class Commits:
    """A separate clone of the local GitHub's repository; the project's own git repository is never touched."""

    folder: Path
    url: str
    branch: str

    def as_it_is(self, project: Path) -> str:
        """Push the project's files, except ignored ones, as a commit on top of the branch; returns its hash.

        Args:
            project: the project's root folder.

        Raises:
            UserError: git refused.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._git("init", "--quiet", "--initial-branch", self.branch)
        if self._run("fetch", "--quiet", self.url, self.branch).returncode == 0:  # else the first push makes it
            self._git("reset", "--quiet", "FETCH_HEAD")
        self._git(f"--work-tree={project}", "add", "--all", ".", folder=project)
        self._git(f"--work-tree={project}", "commit", "--quiet", "--allow-empty", "--message", "The project as it is")
        self._git("reset", "--quiet", "--hard")
        return self._push()

    def with_file(self, name: str, text: str, message: str) -> str:
        """Push a commit that writes one file; returns the hash.

        Args:
            name: the file's path in the project.
            text: its new content.
            message: of the commit.

        Raises:
            UserError: git refused.
        """
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        self._git("add", name)
        self._git("commit", "--quiet", "--allow-empty", "--message", message)
        return self._push()

    def _push(self) -> str:
        self._git("push", "--quiet", self.url, f"HEAD:refs/heads/{self.branch}")
        return self._git("rev-parse", "HEAD")

    def _git(self, *arguments: str, folder: Path | None = None) -> str:
        done = self._run(*arguments, folder=folder)
        if done.returncode:
            raise UserError(f"git {arguments[0]} failed: {' '.join(done.stderr.split())[-300:]}; see git's reason")
        return done.stdout.strip()

    def _run(self, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        command = ["git", *WHO, "--git-dir", str(self.folder / ".git"), *arguments]
        return subprocess.run(command, cwd=folder or self.folder, capture_output=True, text=True, check=False)
