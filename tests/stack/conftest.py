"""The flag that rewrites golden files: `pytest tests/stack --rewrite-golden`."""

from __future__ import annotations

from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Rewrite:
    """Whether golden files are written instead of compared."""

    requested: bool


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag."""
    parser.addoption("--rewrite-golden", action="store_true", help="write the golden files and docs/permissions.md")


@pytest.fixture
def rewrite(request: pytest.FixtureRequest) -> Rewrite:
    """Whether the flag was given."""
    return Rewrite(requested=bool(request.config.getoption("--rewrite-golden")))
