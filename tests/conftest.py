"""Which tests may run at the same time: those of one group share a local cloud, and run one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LONGEST = {
    "local/test_faults.py": "faults",
    "local/test_pull_request.py": "faults",
    "local/test_environments.py": "releases",
    "local/test_preview.py": "releases",
    "local/test_release.py": "releases",
    "local/test_teardown.py": "releases",
}
"""The groups that begin first, as they take longest. Every other file that needs a local cloud is a group."""
NEXT = ("contract/", "local/", "gate/")
"""What begins after them: first what waits more than it works. The rest, test by test, fills the time that is left."""


def group(item: pytest.Item) -> str:
    """Return the group of a test, empty for one that is for itself."""
    name = item.path.relative_to(TESTS).as_posix()
    return LONGEST.get(name) or (name if name.startswith(("local/", "contract/")) else "")


def turn(item: pytest.Item) -> tuple[int, int]:
    """Return what orders the tests: the sooner a group begins, the sooner the last one ends."""
    name = item.path.relative_to(TESTS).as_posix()
    if name in LONGEST:
        return 0, list(LONGEST).index(name)
    return 1, next((place for place, prefix in enumerate(NEXT) if name.startswith(prefix)), len(NEXT))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests; pytest-xdist runs a group in one process, and begins the groups in this order."""
    items.sort(key=turn)
    for item in items:
        if name := group(item):
            item.add_marker(pytest.mark.xdist_group(name))


@pytest.hookimpl
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each group a workspace of its own, if a process runs several: one group takes its local cloud down."""
    if "workspace" in metafunc.fixturenames:
        name = metafunc.module.__file__ or ""
        mine = LONGEST.get(Path(name).relative_to(TESTS).as_posix(), name)
        metafunc.parametrize("workspace", [mine], indirect=True, scope="session", ids=[pytest.HIDDEN_PARAM])
