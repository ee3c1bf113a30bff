"""The way down, after everything that the other tests did: nothing is left."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.local.workspace import Workspace

pytestmark = pytest.mark.local


def test_the_sweep_names_a_planted_resource(workspace: Workspace) -> None:
    """Else the next test would prove nothing."""
    workspace.client("ssm").put_parameter(Name="/planted", Value="x", Type="String")
    try:
        done = workspace.cloud("sweep")
        assert done.returncode == 1
        assert "/planted" in done.stdout
    finally:
        workspace.client("ssm").delete_parameter(Name="/planted")


@pytest.mark.usefixtures("production")
def test_destroy_of_both_leaves_nothing(workspace: Workspace) -> None:
    """Images in the registry, tasks running, data in the databases: all of it goes."""
    for stack in ("prod", "staging"):
        workspace.must("bin/pulumi-local", "destroy", "-s", stack, "--yes", "--skip-preview")
        assert workspace.delivery("clean", "--stack", stack).returncode == 0
    done = workspace.cloud("sweep")
    assert done.returncode == 0, done.stdout
    assert workspace.client("ecs").list_task_definitions(status="INACTIVE")["taskDefinitionArns"] == []


@pytest.mark.usefixtures("production")
def test_clean_up_lists_what_there_was_and_stops_the_local_cloud(workspace: Workspace) -> None:
    """Also when the stacks are gone already; and doing so twice is no mistake."""
    printed = workspace.must(sys.executable, "-m", "localcloud.clean_up")
    assert "nothing left" in printed
    assert list((workspace.root / "reports").glob("before-clean-up-*.json"))
    assert workspace.cloud("status").returncode == 3
    workspace.must(sys.executable, "-m", "localcloud.clean_up")
