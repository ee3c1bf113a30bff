"""Which tests may run at the same time: those of one group share a local cloud, and run one after the other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools import localcloud

if TYPE_CHECKING:
    from collections.abc import Iterator

# The local cloud runs in an environment of its own: make setup.
os.environ.setdefault("LOCALCLOUD_PYTHON", str(localcloud.folder() / "bin" / "python"))
ROOT = Path(__file__).parent
TOGETHER = {
    f"tests/local/test_{name}.py"
    for name in ("environments", "faults", "preview", "pull_request", "release", "teardown")
}
"""The files of the group that takes longest, and begins first: they share two environments and a pipeline."""
NEXT = ("localcloud/tests/apis/", "tests/contract/", "tests/local/", "tests/gate/", "tests/stack/")
"""What begins after it: first what waits more than it works. The rest, test by test, fills the time that is left."""


def group(file: Path) -> str:
    """Return the group of a file's tests, empty for those by themselves.

    Every file that needs a local cloud is one; runs of the program are one too, since each is made once a process.
    """
    name = file.relative_to(ROOT).as_posix()
    if name in TOGETHER:
        return "releases"
    if name.startswith("tests/stack/"):
        return "stack"
    return name if name.startswith(("tests/local/", "tests/contract/", "localcloud/tests/apis/")) else ""


def needs_a_cloud(item: pytest.Item) -> bool:
    """Tell whether a test runs a local cloud, or may: those of the local cloud's own folder are marked one by one."""
    return not item.path.is_relative_to(ROOT / "localcloud") or item.get_closest_marker("local") is not None


def turn(item: pytest.Item) -> int:
    """Return what orders the groups: the sooner a long one begins, the sooner the last one ends."""
    name = item.path.relative_to(ROOT).as_posix()
    if name in TOGETHER:
        return -1
    return next((place for place, prefix in enumerate(NEXT) if name.startswith(prefix)), len(NEXT))


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Mark and order the tests; pytest-xdist runs a group in one process, and begins the groups in this order."""
    for item in items:
        if (name := group(item.path)) and (name in ("releases", "stack") or needs_a_cloud(item)):
            item.add_marker(pytest.mark.xdist_group(name))
    yield  # pytest-xdist reads the marks, and pytest moves tests of one parameter together
    items.sort(key=turn)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each group a workspace of its own, if a process runs several: one group takes its local cloud down."""
    if "workspace" in metafunc.fixturenames:
        mine = group(metafunc.definition.path)
        metafunc.parametrize("workspace", [mine], indirect=True, scope="session", ids=[pytest.HIDDEN_PARAM])
