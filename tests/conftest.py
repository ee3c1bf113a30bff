"""Which tests may run at the same time: those of one group share a local cloud, and run one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
GROUPS = {
    "local/test_app.py": "images",
    "local/test_another_application.py": "images",
    "local/test_bad_images.py": "images",
    "local": "releases",
    "contract": "contract",
}
"""By folder or file below tests/, the first that fits; every other test is for itself."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test that needs a local cloud its group; pytest-xdist runs a group in one process."""
    for item in items:
        name = item.path.relative_to(TESTS).as_posix()
        for prefix, group in GROUPS.items():
            if name.startswith(prefix):
                item.add_marker(pytest.mark.xdist_group(group))
                break
