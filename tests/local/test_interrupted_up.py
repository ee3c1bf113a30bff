"""An `up` that was killed: the next one finishes its work, nothing is lost or left, and what serves goes on serving."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from delivery.operator import leftovers
from delivery.operator.pulumi_state import State
from support.load import Load
from tests.local.conftest import SLOW
from tests.local.interruptions import Moment, interrupted_up
from tests.local.wire import Wire
from tests.local.workspace import PORT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local.workspace import Workspace

pytestmark = pytest.mark.local
STACK, ENVIRONMENT = "staging", "slipway:environment"
STEPS_OF_FIRST, STEPS_OF_CHANGE = 100, 45
"""Lines that Pulumi prints about operations in a first `up`, and in one of `change`."""
MANY = Moment(34, 0)
"""The moment at which most creations are under way."""


def moments(first: Moment, count: int, most: int) -> list[Any]:
    """Return one moment for every run, and random ones for `make faults`."""
    chosen = [Moment.at_random(number, most) for number in range(count)]
    rare = [pytest.param(one, id=f"random-{number}", marks=pytest.mark.rare) for number, one in enumerate(chosen, 1)]
    return [pytest.param(first, id="many"), *rare]


def unknown(workspace: Workspace) -> list[str]:
    """Return what carries the stack's tags and is not in Pulumi's state."""
    known = State(json.loads(workspace.must("bin/pulumi-local", "stack", "export", "-s", STACK))).known
    listed = [(kind, left) for kind in leftovers.KINDS for left in kind.find(workspace.client, STACK)]
    return [f"{kind.title} {left.name}" for kind, left in listed if left.name not in known]


def assert_whole(workspace: Workspace) -> None:
    """Assert that the stack serves, a preview is clean, the doctor finds nothing, and nothing stands twice."""
    assert httpx.get(workspace.outputs(STACK)["url"] + "/version").status_code == 200
    done = workspace.pulumi("preview", "-s", STACK, "--diff", "--expect-no-changes")
    assert done.returncode == 0, done.stdout[-4000:]
    assert "pending operations" not in done.stdout
    told = workspace.delivery("doctor", "--stack", STACK).stdout
    assert "one load balancer, one network and one database at most carry the stack's tags" in told
    assert unknown(workspace) == []


def destroy(workspace: Workspace) -> None:
    """Destroy the stack and clean up; nothing is left in the local cloud."""
    workspace.must("bin/pulumi-local", "destroy", "-s", STACK, "--yes", "--skip-preview")
    done = workspace.delivery("clean", "--stack", STACK, "--skip-snapshot")
    assert done.returncode == 0, done.stdout
    done = workspace.cloud("sweep")
    assert done.returncode == 0, done.stdout


@pytest.fixture
def nothing(workspace: Workspace) -> None:
    """A local cloud without the stack."""
    if list(workspace.root.glob(f".localcloud/pulumi/.pulumi/stacks/*/{STACK}.json")):
        destroy(workspace)


@pytest.fixture
def stack_file(workspace: Workspace) -> Iterator[None]:
    """The stack file of staging, which is put back after the test."""
    path = workspace.root / f"Pulumi.{STACK}.yaml"
    before = path.read_text("utf-8")
    yield
    path.write_text(before, "utf-8")


def change(config: dict[str, Any]) -> None:
    """Change several keys of the stack at once."""
    environment = config[ENVIRONMENT]
    environment["network"]["private_subnets"] = True
    environment["load_balancer"] = {"idle_timeout": 30}
    route = {"paths": ["/api/*"], "priority": 50}
    environment["services"]["api"] = {**environment["services"]["web"], "route": route, "version_path": "none"}
    environment["services"]["web"].update(desired_count=2, spot=True, route={"priority": 70})


@pytest.mark.usefixtures("nothing")
@pytest.mark.parametrize("moment", moments(MANY, 10, STEPS_OF_FIRST))
def test_a_first_up_that_is_killed_is_finished_by_the_next_one(workspace: Workspace, moment: Moment) -> None:
    """Pulumi adopts what it was creating, and a `destroy` then leaves nothing."""
    interrupted_up(workspace, STACK, moment)
    workspace.up(STACK)
    assert_whole(workspace)
    destroy(workspace)


@pytest.mark.rare
@pytest.mark.usefixtures("nothing")
def test_a_first_up_that_is_killed_can_be_destroyed(workspace: Workspace) -> None:
    """What it was creating goes, too."""
    interrupted_up(workspace, STACK, MANY)
    destroy(workspace)


@pytest.mark.rare
@pytest.mark.usefixtures("nothing")
def test_clean_during_a_first_up_deletes_nothing(workspace: Workspace) -> None:
    """The stack has no records yet, but Pulumi's state has resources of it, and is locked."""
    told: list[str] = []

    def clean() -> None:
        told.append(workspace.delivery("clean", "--stack", STACK, "--unknown").stdout)

    printed = interrupted_up(workspace, STACK, MANY, fault=clean)
    assert "deleted" not in told[0]
    assert "error:" not in printed
    assert_whole(workspace)


@pytest.mark.rare
@pytest.mark.usefixtures("nothing")
@pytest.mark.parametrize("fault", ["cut", "expire"])
def test_a_first_up_without_network_or_credentials_half_way_is_finished_by_the_next_ones(
    workspace: Workspace, fault: str
) -> None:
    """What AWS created and could not tell Pulumi of is removed by the command that is named."""
    script = str(workspace.root / "tests/local/pulumi_as.py")
    program = [sys.executable, "-m", "tools.with_localcloud", sys.executable, script]
    with Wire(int(PORT)) as wire:
        given = {"PULUMI_AS": json.dumps({"AWS_ENDPOINT_URL": wire.url})}
        printed = interrupted_up(workspace, STACK, MANY, program, getattr(wire, fault), given)
    assert "error: update failed" in printed, printed[-3000:]
    workspace.pulumi("up", "-s", STACK, "--yes", "--skip-preview")
    if unknown(workspace):
        cleaned = workspace.delivery("clean", "--stack", STACK)
        assert f"remove them: delivery clean --stack {STACK} --unknown" in cleaned.stdout
        cleaned = workspace.delivery("clean", "--stack", STACK, "--unknown")
        assert cleaned.returncode == 0, cleaned.stdout
    workspace.up(STACK)  # once more: an internet gateway was created, and not attached
    assert_whole(workspace)
    destroy(workspace)


@pytest.mark.rare
@pytest.mark.usefixtures("stack_file")
@pytest.mark.parametrize("moment", moments(Moment(12, 0), 10, STEPS_OF_CHANGE))
def test_a_change_that_is_killed_fails_no_request_and_is_finished_by_the_next_up(
    workspace: Workspace, staging: dict[str, Any], moment: Moment
) -> None:
    """Nor does its way back; the version served is the same."""
    workspace.up(STACK)
    url = workspace.outputs(STACK)["url"] or staging["url"]
    before = httpx.get(url + "/version").json()
    original = (workspace.root / f"Pulumi.{STACK}.yaml").read_text("utf-8")
    with Load(url, SLOW, rate=20) as load:
        workspace.edit(STACK, change)
        interrupted_up(workspace, STACK, moment)
        time.sleep(5)
        workspace.up(STACK)
        assert_whole(workspace)
        (workspace.root / f"Pulumi.{STACK}.yaml").write_text(original, "utf-8")
        workspace.up(STACK)
    assert load.failures == []
    assert load.answered > 0
    assert httpx.get(url + "/version").json() == before
    assert_whole(workspace)
