"""The folders of a build's custom cache, and the paths that are left uncached."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import docker
import pytest

from localcloud.services.codebuild import build_start, caches
from localcloud.services.codebuild.buildspec import Buildspec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BUILD = {"projectName": "p", "cache": {"type": "LOCAL", "modes": [caches.MODE]}}
ID = "p:1"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """The work folder of a build with a secondary source, some packages and a link."""
    for name in ("packages/one/package.json", "packages/two/package.json", "README.md"):
        (tmp_path / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / name).write_text("{}")
    for name in ("src/empty", "src-docs", "agent"):
        (tmp_path / name).mkdir()
    (tmp_path / "src" / "link").symlink_to("packages")
    return tmp_path


def planned(work: Path, *paths: str, **own: str) -> tuple[list[str], list[str]]:
    """Return the folders that are cached, and the log's lines."""
    places = {"": str(work / "src"), "docs": str(work / "src-docs")}
    known = {"CODEBUILD_SRC_DIR": places[""], "CODEBUILD_SRC_DIR_docs": places["docs"], **own}
    found, lines = caches.mounts(BUILD, Buildspec(cached=paths), places, known, "net")
    assert all(name.startswith("net-cache-p-") for name in found)
    return list(found.values()), lines


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("/root/.cache/pip/**/*", "/root/.cache/pip"),
        ("/root/.cache/pip/*", "/root/.cache/pip"),
        ("/root/.cache/pip/**", "/root/.cache/pip"),
        ("/root/.cache/pip/", "/root/.cache/pip"),
        ("~/.m2/**/*", "/root/.m2"),
        ("$HOME/.m2/**/*", "/root/.m2"),
        ("${TOOLS}/x/**/*", "/opt/tools/x"),
        ("node_modules/**/*", "{}/src/node_modules"),
        ("empty/**/*", "{}/src/empty"),
        ("packages/one/node_modules/**/*", "{}/src/packages/one/node_modules"),
        ("$CODEBUILD_SRC_DIR/.cache", "{}/src/.cache"),
        ("${CODEBUILD_SRC_DIR}/.cache/**/*", "{}/src/.cache"),
        ("$CODEBUILD_SRC_DIR_docs/.cache/**/*", "{}/src-docs/.cache"),
    ],
)
def test_a_path_that_names_one_folder_is_cached(work: Path, path: str, folder: str) -> None:
    """With the build's own variables expanded."""
    assert planned(work, path, TOOLS="/opt/tools") == ([folder.format(work)], [])


def test_the_home_folder_is_that_of_the_build(work: Path) -> None:
    """A project may set HOME."""
    assert planned(work, "~/.m2", "$HOME/.npm", HOME="/home/x") == (["/home/x/.m2", "/home/x/.npm"], [])


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("**/node_modules/**/*", "wildcard before its end"),
        ("packages/*/node_modules/**/*", "wildcard before its end"),
        ("packages/*.tgz", "wildcard before its end"),
        ("/root/.cache/??", "wildcard before its end"),
        ("**/*", "hide the build's own files"),
        (".", "hide the build's own files"),
        ("../agent/**/*", "hide the build's own files"),
        ("$CODEBUILD_SRC_DIR/../**/*", "hide the build's own files"),
        ("packages/**/*", "hide the sources, which have files there"),
        ("link/**/*", "through a symbolic link"),
        ("link/one/node_modules/**/*", "through a symbolic link"),
        ("README.md", "it is a file"),
        ("README.md/x", "it is a file"),
        ("/**/*", "mounts no volume there"),
        ("//", "mounts no volume there"),
        ("/proc/x/**/*", "mounts no volume there"),
        ("/var/run/docker.sock", "mounts no volume there"),
        ("/root/a:b/**/*", "a colon"),
        ("$NOTHING/.cache/**/*", "the build has no variable NOTHING"),
    ],
)
def test_another_path_is_left_uncached_with_a_line_in_the_log(work: Path, path: str, reason: str) -> None:
    """The volume would hide sources, or Docker would refuse it; other paths are cached all the same."""
    folders, lines = planned(work, path, "/root/.cache/**/*")
    assert folders == ["/root/.cache"]
    assert [line.startswith(f"Cache path {path} is not cached: ") for line in lines] == [True]
    assert reason in lines[0]


def test_a_folder_in_the_sources_has_one_volume_for_all_builds(tmp_path: Path) -> None:
    """Although each build has a source folder of its own."""
    names: set[str] = set()
    for number in ("1", "2"):
        places = {"": str(tmp_path / number / "src")}
        names.add(*caches.mounts(BUILD, Buildspec(cached=("node_modules",)), places, {}, "net")[0])
    assert len(names) == 1


def test_a_project_without_a_custom_cache_caches_nothing(work: Path) -> None:
    """And its log says nothing about paths."""
    spec = Buildspec(cached=("**/node_modules/**/*", "/root/.cache"))
    places = {"": str(work / "src")}
    assert caches.mounts({"projectName": "p", "cache": {"type": "NO_CACHE"}}, spec, places, {}, "net") == ({}, [])


class Run:
    """A build whose container Docker starts only without a volume in a file's place."""

    def __init__(self, *, refusing: bool) -> None:
        """Initialize; `refusing`: Docker starts no container."""
        self.build = {"id": ID}
        self.did: list[object] = []
        self.refusing = refusing
        engine = SimpleNamespace(call=self.call, remove=self.remove)
        engine.client = SimpleNamespace(api=SimpleNamespace(start=self.start))
        self.parts = SimpleNamespace(engine=engine)
        self.mounted: dict[str, str] = {}

    async def call(self, function: Callable[..., Any], *arguments: object) -> object:
        """Call a function."""
        return function(*arguments)

    async def remove(self, _name: str) -> None:
        """Remove the container."""
        self.did.append("removed")

    def make(self, mounts: dict[str, str]) -> None:
        """Create the container."""
        self.mounted = mounts

    def start(self, _name: str) -> None:
        """Start the container."""
        if self.mounted or self.refusing:
            raise docker.errors.APIError("500", explanation="mounting:\nnot a directory")
        self.did.append("started")

    def say(self, line: str) -> None:
        """Log a line."""
        self.did.append(line)


def begun(run: Run, mounts: dict[str, str]) -> list[object]:
    """Start a build's container and return what was done."""
    run.make(mounts)
    asyncio.run(build_start.begun(run, run.make, mounts))  # type: ignore[arg-type]  # as much of a build as is used
    return run.did


def test_a_build_whose_image_has_a_file_in_a_caches_place_runs_without_caches() -> None:
    """Only Docker knows what the image has."""
    wanted = ["Nothing is cached: mounting: not a directory", "removed", "started"]
    assert begun(Run(refusing=False), {"v": "/etc/passwd"}) == wanted


def test_a_container_that_cannot_be_started_without_caches_either_ends_its_build() -> None:
    """The reason is not the cache."""
    with pytest.raises(docker.errors.APIError):
        begun(Run(refusing=True), {})
