"""An application in a repository, whose tests keep how they were called."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

from delivery.release.building import Builder
from delivery.release.testing import Workplace

if TYPE_CHECKING:
    from pathlib import Path

    from delivery.release.manifest import Manifest
    from delivery.release.push_after import PushAfter
    from tests.unit.delivery.docker import Docker
    from tests.unit.delivery.world import World

COMMIT = "a" * 40
TEST = """#!/bin/sh
echo "$1 $SERVICE $COMMIT $PYTHON_IMAGE $APP_IMAGE" >> "{folder}/tests"
[ "$1" != "{fails}" ] || exit 4
echo "<mine/>" > "$REPORTS/$1.xml"
"""


class Place:
    """A repository with an application whose tests keep how they were called."""

    def __init__(self, world: World, folder: Path, fails: str = "") -> None:
        """Make it; one kind of tests may fail."""
        self.world, self.folder = world, folder
        (folder / "app" / "bin").mkdir(parents=True, exist_ok=True)
        (folder / "app" / "Dockerfile").write_text("FROM a AS release\nFROM a AS acceptance\n")
        program = folder / "app" / "bin" / "test"
        program.write_text(TEST.format(folder=folder, fails=fails))
        program.chmod(0o755)
        self.workplace = Workplace(root=folder, reports=folder / "reports", say=world.say)

    def tests(self) -> list[str]:
        """Return how the tests were called."""
        held = self.folder / "tests"
        return held.read_text().splitlines() if held.exists() else []

    def build(
        self,
        platform: str = "",
        execution: str = "run-1",
        push_after: PushAfter | None = None,
        *,
        push_suites: bool = False,
    ) -> Manifest:
        """Build the commit."""
        builder = Builder(
            clients=self.world.aws, environment=self.world.environment, commit=COMMIT, place=self.workplace,
            output=self.folder / "out", platform=platform, push_after=push_after, push_suites=push_suites,
        )  # fmt: skip
        return builder.run(execution)


def give_packages(docker: Docker) -> None:
    """Give the images of a `docker` on PATH one Debian package, for their bills of materials."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        text = b"Package: bash\nStatus: install ok installed\nVersion: 5.2\n"
        entry = tarfile.TarInfo("var/lib/dpkg/status")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    (docker.folder / "files.tar").write_bytes(buffer.getvalue())
