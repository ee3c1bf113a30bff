"""Checks of the set-up's prerequisites: Python's modules, git, the virtual environments, the toolchain."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.preflight.findings import Finding, Problem, Room, Step
from localcloud.preflight.network import output
from tools import localcloud
from tools.local_settings import ROOT
from tools.preflight import indexes
from tools.toolchain import installed, official
from tools.toolchain.__main__ import matches
from tools.toolchain.checks import check_go
from tools.toolchain.errors import ToolchainError, UnavailableError
from tools.toolchain.layout import recorded
from tools.toolchain.pins import key, pins
from tools.toolchain.places import cache
from tools.toolchain.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.settings import Settings

ENVIRONMENTS_GIGABYTES = 0.9
"""docs/local-cloud.md: free space that the repository's folder needs."""
MODULES_GIGABYTES = 2.4
"""docs/local-cloud.md: size of Go's module cache after a build."""
OFFICIAL_GIGABYTES = 1.5
"""The CLI and three plugins, unpacked beside their archives."""
VENV_SECONDS = 15
CLI = "github.com/pulumi/pulumi/pkg/v3"


def git(_: Settings) -> Iterator[Finding]:
    """Check that git is installed: the demo and the tests push commits."""
    if shutil.which("git") is None:
        yield Problem("git is not installed; Debian has it in a package: apt-get install git")


def environments(settings: Settings) -> Iterator[Finding]:
    """Check the virtual environments, and the prerequisites for creating them."""
    folders = (ROOT / ".venv", ROOT / ".checkov" / "venv", localcloud.folder())
    wanted = [path for path in folders if not (path / ".complete").exists()]
    if not wanted:
        return
    yield Room(settings.state_dir, 0, "state", "LOCALCLOUD_STATE")
    yield Room(ROOT, ENVIRONMENTS_GIGABYTES, "virtual environments")
    if importlib.util.find_spec("ensurepip") is None:
        version = ".".join(map(str, sys.version_info[:2]))
        yield Problem(
            f"{sys.executable} has no ensurepip; Debian has it in a package: apt-get install python{version}-venv"
        )
    for path in wanted:
        yield Step(f"install Python packages into {path}", VENV_SECONDS)
    yield from indexes.package_index()


def toolchain(_: Settings) -> Iterator[Finding]:
    """Determine the source of the Pulumi CLI and its plugins, as `python3 -m tools.toolchain` does."""
    store, found = Store(cache()), recorded()
    if (found and matches(found)) or store.find(key()) or store.folder(f"{key()}-official").exists():
        return
    try:
        installed.find()
    except UnavailableError:
        pass
    else:
        return
    try:
        official.probe(f"{official.DOWNLOADS}/{official.archive_name(pins().cli)}")
    except UnavailableError:
        try:
            yield from build(store.root)
        except ToolchainError as error:
            yield Problem(str(error))
    else:
        yield Room(store.root, OFFICIAL_GIGABYTES, "the Pulumi CLI and plugins", "LOCALCLOUD_CACHE")
        yield Step("download the Pulumi CLI and its plugins", 60)


def build(folder: Path) -> Iterator[Finding]:
    """Check the prerequisites of a build from Go modules.

    Raises:
        ToolchainError: Go is missing or too old.
    """
    yield Room(folder, pins().disk_gigabytes, "the toolchain's build", "LOCALCLOUD_CACHE")
    yield Step("build the Pulumi CLI and its plugins from Go modules", 60 * pins().cold_minutes)
    check_go()
    modules = Path(output("go", "env", "GOMODCACHE").strip() or Path.home() / "go")
    fetched = all((modules / name).is_dir() for name in (pins().upstream, f"{CLI}@v{pins().cli}"))
    yield Room(modules, 0 if fetched else MODULES_GIGABYTES, "Go modules", "GOMODCACHE")
    if not fetched:
        yield from indexes.go_proxy()
