"""The gate's tools: format, lint, types."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("tool", "remedy"),
    [("ruff format --check --diff", "make format"), ("ruff check", "make format"), ("mypy --no-error-summary", "")],
    ids=["format", "lint", "types"],
)
def test_the_code_is_in_the_house_style(tool: str, remedy: str) -> None:
    """By the settings in pyproject.toml, every file of the repository."""
    done = subprocess.run(
        [sys.executable, "-m", *tool.split(), "."], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}{remedy}"


def test_the_workflows_give_an_attacker_nothing() -> None:
    """Actions pinned by commit, least permissions, no expression in a script, no token left behind: by zizmor."""
    zizmor = Path(sys.executable).parent / "zizmor"
    done = subprocess.run(
        [zizmor, "--offline", "--no-progress", "--persona", "auditor", ".github/workflows"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
