"""Tear-down after all other tests: no resource is left over."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.local.broken import QUICK
from tests.local.releases import ORDER, REPOSITORY, Releases

if TYPE_CHECKING:
    from tests.local.workspace import Workspace

pytestmark = pytest.mark.local
PULUMI_CONFIG = ("bin/pulumi-local", "config", "set", "--path")


def test_the_sweep_names_a_planted_resource(workspace: Workspace) -> None:
    """Else the next test would prove nothing."""
    workspace.client("ssm").put_parameter(Name="/planted", Value="x", Type="String")
    try:
        done = workspace.cloud("sweep")
        assert done.returncode == 1
        assert "/planted" in done.stdout
    finally:
        workspace.client("ssm").delete_parameter(Name="/planted")


def destroy(workspace: Workspace, stack: str) -> None:
    """Destroy a stack, and clean up its resources that Pulumi does not manage."""
    workspace.must("bin/pulumi-local", "destroy", "-s", stack, "--yes", "--skip-preview")
    assert workspace.delivery("clean", "--stack", stack).returncode == 0


@pytest.mark.usefixtures("production")
def test_without_production_the_pipeline_ends_after_promotion(workspace: Workspace) -> None:
    """Production is destroyed with the pipeline, once its protection is off; staging gets its own."""
    protected = workspace.pulumi("destroy", "-s", "prod", "--yes")
    assert protected.returncode != 0
    assert "protected" in protected.stdout
    assert httpx.get(f"{workspace.outputs('prod')['url']}/healthz").status_code == 200
    workspace.must(*PULUMI_CONFIG, "slipway:environment.database.deletion_protection", "false", "-s", "prod")
    workspace.up("prod")
    destroy(workspace, "prod")
    (snapshot,) = workspace.client("rds").describe_db_snapshots()["DBSnapshots"]
    assert snapshot["DBSnapshotIdentifier"] == f"{snapshot['DBInstanceIdentifier']}-final"
    workspace.client("rds").delete_db_snapshot(DBSnapshotIdentifier=snapshot["DBSnapshotIdentifier"])
    told = workspace.delivery("doctor", "--stack", "prod")
    assert told.returncode == 1, told.stdout
    assert "pulumi up" in told.stdout, told.stdout
    releases = Releases(workspace, "slipway-staging")
    commit = releases.push_with(QUICK, "Staging alone") if releases.begun else releases.begin()

    def change(config: dict[str, Any]) -> None:
        config["slipway:pipeline"] = {"repository": REPOSITORY}
        config["github:owner"] = REPOSITORY.split("/")[0]

    workspace.edit("staging", change)
    workspace.up("staging")
    click = workspace.cloud("connect", "slipway-staging")
    assert click.returncode == 0, click.stdout
    workspace.up("staging")
    execution = releases.execution_of(commit)
    assert releases.end(execution) == "Succeeded", releases.told(execution)
    one_after_the_other = ["Test/Test" if place == "Build/Test" else place for place in ORDER]
    assert list(releases.actions(execution)) == one_after_the_other[: ORDER.index("Staging/Promote") + 1]
    assert f"accepted-{commit}" in releases.tags(releases.digest(commit))


def test_destroy_of_both_leaves_nothing(workspace: Workspace) -> None:
    """Images, running tasks, databases, webhooks on GitHub and revisions of releases are all removed."""
    destroy(workspace, "staging")
    done = workspace.cloud("sweep")
    assert done.returncode == 0, done.stdout
    for status in ("ACTIVE", "INACTIVE"):
        assert workspace.client("ecs").list_task_definitions(status=status)["taskDefinitionArns"] == []
    assert httpx.get(f"{Releases(workspace).rest}/hooks", headers={"Authorization": "token any"}).json() == []


def test_clean_up_lists_what_there_was_and_stops_the_local_cloud(workspace: Workspace) -> None:
    """Also if the stacks are already destroyed; it is idempotent."""
    printed = workspace.must(sys.executable, "-m", "tools.clean_up")
    assert "nothing left" in printed
    assert list((workspace.root / "reports").glob("before-clean-up-*.json"))
    assert workspace.cloud("status").returncode == 3
    workspace.must(sys.executable, "-m", "tools.clean_up")
