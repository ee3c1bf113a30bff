"""Bad images never replace healthy tasks; localcloud/tests/apis covers more kinds by the ECS API.

Staging is not up meanwhile: both need the same repository.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from support.load import Load
from tests.local.workspace import changes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local.workspace import Workspace

pytestmark = pytest.mark.local
SLOW = "/api/entries/wait?after=999999999&timeout=2"


@pytest.fixture(scope="module")
def service(workspace: Workspace) -> Iterator[dict[str, Any]]:
    """A stack whose images `pulumi up` rolls out, with two tasks."""

    def change(config: dict[str, Any]) -> None:
        environment = config["slipway:environment"]
        environment["rollout"] = "pulumi"
        environment["network"] = {"cidr": "10.30.0.0/16"}
        web = environment["services"]["web"]
        web |= {"desired_count": 2, "grace_period": 10, "health_check": {"interval": 5, "timeout": 2}}

    (workspace.root / "Pulumi.rollout.yaml").write_bytes((workspace.root / "Pulumi.staging.yaml").read_bytes())
    workspace.edit("rollout", change)
    workspace.up("rollout")
    yield workspace.outputs("rollout")
    workspace.must("bin/pulumi-local", "destroy", "-s", "rollout", "--yes", "--skip-preview")


def served(workspace: Workspace, outputs: dict[str, Any]) -> set[str]:
    """Return the task definitions of the running tasks."""
    ecs = workspace.client("ecs")
    arns = ecs.list_tasks(cluster=outputs["cluster"], serviceName=outputs["services"]["web"])["taskArns"]
    return {task["taskDefinitionArn"] for task in ecs.describe_tasks(cluster=outputs["cluster"], tasks=arns)["tasks"]}


def entry_point(workspace: Workspace) -> Any:  # noqa: ANN401
    """Return the path of the container's entry point."""
    return next((workspace.root / "app" / "src").glob("*/__main__.py"))


def test_a_changed_source_is_built_and_rolled_out_by_up_and_only_then(
    workspace: Workspace, service: dict[str, Any]
) -> None:
    """`preview` shows the new image without building it; `up` replaces tasks under load without a failed request."""
    before = served(workspace, service)
    (workspace.root / "app" / "src" / "changed.txt").write_text("a changed source\n", "utf-8")
    preview = workspace.pulumi("preview", "-s", "rollout")
    assert preview.returncode == 0, preview.stdout
    assert changes(preview.stdout).get("create"), preview.stdout
    assert served(workspace, service) == before
    with Load(service["url"], SLOW, rate=20) as load:
        workspace.up("rollout")
        time.sleep(2)
    assert load.failures == []
    assert load.counts["200"] > 100
    assert not served(workspace, service) & before


def test_up_with_an_image_that_cannot_be_built_names_the_failing_step(
    workspace: Workspace, service: dict[str, Any]
) -> None:
    """The error includes the build's last lines, which the provider hides; here unit tests fail."""
    before = served(workspace, service)
    broken = workspace.root / "app" / "tests" / "unit" / "test_broken.py"
    broken.write_text("def test_broken() -> None:\n    assert 'blue' == 'red'\n", "utf-8")
    try:
        done = workspace.pulumi("up", "-s", "rollout", "--yes", "--skip-preview")
    finally:
        broken.unlink()
    assert done.returncode != 0, done.stdout
    told = done.stdout.rpartition("the image of service 'web' cannot be built")[2].splitlines()
    assert told[1].strip().startswith("the step that failed: [test "), done.stdout
    assert "FAILED tests/unit/test_broken.py::test_broken" in "\n".join(told[2:20]), done.stdout
    assert served(workspace, service) == before


def test_up_with_a_bad_image_fails_and_the_old_tasks_stay(workspace: Workspace, service: dict[str, Any]) -> None:
    """The error includes the reason, and no request fails meanwhile."""
    before = served(workspace, service)
    path = entry_point(workspace)
    good = path.read_text("utf-8")
    path.write_text('raise SystemExit("broken on purpose")\n', "utf-8")
    try:
        with Load(service["url"], SLOW, rate=20) as load:
            done = workspace.pulumi("up", "-s", "rollout", "--yes", "--skip-preview")
            time.sleep(2)
    finally:
        path.write_text(good, "utf-8")
    assert done.returncode != 0, done.stdout
    assert "circuit breaker" in done.stdout, done.stdout
    assert load.failures == []
    assert load.counts["200"] > 100
    assert served(workspace, service) == before
    workspace.up("rollout")
