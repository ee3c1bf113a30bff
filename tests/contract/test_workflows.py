"""The GitHub workflows, checked by actionlint (a Go module)."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from infra.config.previews import Previews

ROOT = Path(__file__).resolve().parents[2]
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
PREVIEW = ROOT / ".github/workflows/preview.yml"


@pytest.mark.skipif(not shutil.which("go"), reason="actionlint is run by Go, which is not on PATH")
def test_actionlint_finds_nothing_in_the_workflows() -> None:
    """It checks syntax, types of expressions, contexts and names of permissions."""
    command = ["go", "run", ACTIONLINT, "-shellcheck=", "-pyflakes=", *map(str, PREVIEW.parent.glob("*.yml"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def test_the_job_that_may_write_runs_no_code_of_the_change() -> None:
    """It checks out the base branch; the other job has no write permission."""
    jobs = yaml.safe_load(PREVIEW.read_text("utf-8"))["jobs"]
    writes = {
        name: [key for key, value in job["permissions"].items() if value == "write"] for name, job in jobs.items()
    }
    assert writes == {"preview": ["id-token"], "comment": ["pull-requests"]}
    (checkout,) = [step for step in jobs["comment"]["steps"] if step.get("uses", "").startswith("actions/checkout@")]
    assert checkout["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert "environment" not in jobs["comment"]
    assert "secrets." not in str(jobs["comment"])
    assert "head.repo.full_name == github.repository" in jobs["preview"]["if"]


def test_the_workflow_names_the_environment_and_the_version_that_the_project_does() -> None:
    """The role trusts that environment; the CLI has the verified version."""
    text = PREVIEW.read_text("utf-8")
    pinned = tomllib.loads((ROOT / "tools/toolchain/versions.toml").read_text("utf-8"))["cli"]
    assert f"pulumi-version: {pinned}\n" in text
    assert yaml.safe_load(text)["jobs"]["preview"]["environment"] == Previews.model_fields["github_environment"].default
    assert not re.search(r"uses: [^@]+@(?![0-9a-f]{40} # v)", text)
