"""The local cloud, its environments and its pipeline, which the tests in this folder share."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.load import Load
from tests.local import documents
from tests.local.fault_table import Faults, Row, markdown
from tests.local.releases import ORDER, Releases, version
from tests.local.workspace import Workspace, copy_of_the_project

if TYPE_CHECKING:
    from collections.abc import Iterator


SLOW = "/api/entries/wait?after=999999999&timeout=2"
ROWS: list[Row] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what `make faults` uses."""
    group = parser.getgroup("faults")
    group.addoption("--all-faults", action="store_true", help="every fault, not only a representative part")
    group.addoption("--fault-table", type=Path, help="the document whose table to write anew")
    group.addoption("--break-gate", default="", help="steps that shall pass whatever they find: test,build")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the faults that `make faults` alone tries out of the other runs."""
    if config.getoption("all_faults"):
        return
    rare = [item for item in items if item.get_closest_marker("rare")]
    config.hook.pytest_deselected(items=rare)
    items[:] = [item for item in items if item not in rare]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the faults as a table, and write it where asked."""
    if not ROWS:
        return
    table = markdown(ROWS)
    terminalreporter.section("faults")
    terminalreporter.write_line(table)
    if file := config.getoption("fault_table"):
        documents.write(file, table)


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A running local cloud with nothing on it, for one group; taken away with all it holds at the end."""
    root = tmp_path_factory.mktemp("a project")
    space = copy_of_the_project(root)
    done = space.cloud("up", "--yes")
    assert done.returncode == 0, done.stdout
    yield space
    shutil.copytree(root / ".localcloud/log", root / "log")  # `reset` removes it, and a failure may need it
    space.cloud("reset")


@pytest.fixture(scope="session")
def staging(workspace: Workspace) -> dict[str, Any]:
    """Staging, up: its outputs."""
    workspace.up("staging")
    return workspace.outputs("staging")


@pytest.fixture(scope="session")
def production(workspace: Workspace, accepted: str) -> dict[str, Any]:  # noqa: ARG001 - only after acceptance
    """Production, up with what staging accepted: its outputs."""
    workspace.up("prod")
    return workspace.outputs("prod")


@pytest.fixture(scope="session")
def refused(workspace: Workspace, staging: dict[str, Any]) -> str:  # noqa: ARG001 - staging must be there
    """What production says before anything was accepted."""
    done = workspace.pulumi("up", "-s", "prod", "--yes", "--skip-preview")
    assert done.returncode != 0, done.stdout
    return done.stdout


@pytest.fixture(scope="session")
def accepted(workspace: Workspace, refused: str) -> str:  # noqa: ARG001 - in this order
    """What acceptance of staging printed."""
    done = workspace.delivery("acceptance", "--stack", "staging")
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.fixture(scope="session")
def connected(
    workspace: Workspace,
    production: dict[str, Any],  # noqa: ARG001 - it is up, without pipeline
    request: pytest.FixtureRequest,
) -> Releases:
    """The repository with its first commit, and the pipeline, whose connection has got its one click."""
    releases = Releases(workspace)
    for step in filter(None, request.config.getoption("break_gate").split(",")):
        releases.break_gate(step)
    releases.begin()
    click = workspace.cloud("connect", "slipway-prod")
    assert click.returncode == 0, click.stdout
    workspace.up("prod")
    return releases


@pytest.fixture(scope="session")
def released(connected: Releases) -> str:
    """The first commit, in production: its hash."""
    commit = connected.git("rev-parse", "HEAD")
    execution = connected.execution_of(commit)
    connected.approve(execution)
    assert connected.end(execution) == "Succeeded", connected.told(execution)
    assert list(connected.actions(execution)) == ORDER
    assert {row["status"] for row in connected.actions(execution).values()} == {"Succeeded"}
    return commit


@pytest.fixture(scope="module")
def load(
    workspace: Workspace,
    connected: Releases,  # noqa: ARG001 - production is up
    request: pytest.FixtureRequest,
) -> Iterator[Load]:
    """Requests to production from a module's first test to its last."""
    rate = 20 if request.config.getoption("all_faults") else 10
    with Load(workspace.outputs("prod")["url"], SLOW, rate=rate) as running:
        yield running


@pytest.fixture(scope="module")
def faults(workspace: Workspace, released: str, load: Load) -> Faults:  # noqa: ARG001 - something good is released
    """The table of faults, under load; what production serves now is what it has to go on serving."""
    return Faults(workspace, load, ROWS, {version(workspace, "prod")["commit"]})
