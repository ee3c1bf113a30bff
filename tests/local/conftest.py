"""The fixtures that these tests share: the local cloud, its environments and its pipeline."""

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
    """Add the options that `make faults` uses."""
    group = parser.getgroup("faults")
    group.addoption("--all-faults", action="store_true", help="every fault, not only a representative part")
    group.addoption("--fault-table", type=Path, help="the document whose table to write anew")
    parser.addoption("--record-requests", action="store_true", help="write tests/local/requests_of_pulumi.json")
    group.addoption("--break-gate", default="", help="steps that shall pass whatever they find: test,build")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the faults that are for `make faults` only in other runs."""
    if config.getoption("all_faults"):
        return
    rare = [item for item in items if item.get_closest_marker("rare")]
    config.hook.pytest_deselected(items=rare)
    items[:] = [item for item in items if item not in rare]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table of faults, and write it to the given document."""
    if not ROWS:
        return
    table = markdown(ROWS)
    terminalreporter.section("faults")
    terminalreporter.write_line(table)
    if file := config.getoption("fault_table"):
        documents.write(file, table)


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A running, empty local cloud for one group of tests; removed with all its resources at the end."""
    root = tmp_path_factory.mktemp("a project")
    space = copy_of_the_project(root)
    done = space.cloud("up", "--yes")
    assert done.returncode == 0, done.stdout
    yield space
    shutil.copytree(root / ".localcloud/log", root / "log")  # `reset` removes it, and a failure may need it
    space.cloud("reset")


@pytest.fixture(scope="session")
def staging(workspace: Workspace) -> dict[str, Any]:
    """The outputs of the deployed staging stack."""
    workspace.up("staging")
    return workspace.outputs("staging")


@pytest.fixture(scope="session")
def production(workspace: Workspace, accepted: str) -> dict[str, Any]:  # noqa: ARG001 - only after acceptance
    """The outputs of the deployed production stack, started from the image accepted in staging."""
    workspace.up("prod")
    return workspace.outputs("prod")


@pytest.fixture(scope="session")
def refused(workspace: Workspace, staging: dict[str, Any]) -> str:  # noqa: ARG001 - staging must be there
    """The output of the refused `up` of production, before any image was accepted."""
    done = workspace.pulumi("up", "-s", "prod", "--yes", "--skip-preview")
    assert done.returncode != 0, done.stdout
    return done.stdout


@pytest.fixture(scope="session")
def accepted(workspace: Workspace, refused: str) -> str:  # noqa: ARG001 - in this order
    """The output of staging's acceptance."""
    done = workspace.delivery("acceptance", "--stack", "staging")
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.fixture(scope="session")
def connected(
    workspace: Workspace,
    production: dict[str, Any],  # noqa: ARG001 - production is up, without a pipeline
    request: pytest.FixtureRequest,
) -> Releases:
    """The repository with its first commit, and the pipeline, whose connection is AVAILABLE."""
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
    """The hash of the first commit, released to production."""
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
    """A constant load on production during a module's tests."""
    rate = 20 if request.config.getoption("all_faults") else 10
    with Load(workspace.outputs("prod")["url"], SLOW, rate=rate) as running:
        yield running


@pytest.fixture(scope="module")
def faults(workspace: Workspace, released: str, load: Load) -> Faults:  # noqa: ARG001 - a good release is in production
    """The table of faults, under load; production must keep serving the current release."""
    return Faults(workspace, load, ROWS, {version(workspace, "prod")["commit"]})
