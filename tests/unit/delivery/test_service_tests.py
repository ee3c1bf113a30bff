"""Testing a commit: each service's own tests, their reports, and what ends them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from delivery.errors import DeliveryError
from delivery.process import ProgramError
from delivery.release import testing
from tests.unit.delivery.application import COMMIT, Place
from tests.unit.delivery.edge import HOST

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.delivery.world import World


REMOTE = f"{HOST}/slipway/web:candidate-{COMMIT}"


def test_unit_and_integration_tests_run_with_the_stacks_arguments(world: World, tmp_path: Path) -> None:
    """Their reports are kept by service; those that they left out are written."""
    place = Place(world, tmp_path)
    testing.run(world.environment, COMMIT, place.workplace)
    assert place.tests() == [f"unit web {COMMIT} python:3.11 ", f"integration web {COMMIT} python:3.11 "]
    reports = {path.name: path.read_text() for path in (tmp_path / "reports" / "web").iterdir()}
    assert set(reports) == {"unit.xml", "integration.xml", "coverage.xml"}
    assert reports["unit.xml"] == "<mine/>\n"
    assert world.lines[-1] == "web: integration tests passed"


@pytest.mark.parametrize(("fails", "ran"), [("unit", 1), ("integration", 2)])
def test_the_first_tests_that_fail_end_it(world: World, tmp_path: Path, fails: str, ran: int) -> None:
    """With the folder of the reports; nothing is written for them."""
    place = Place(world, tmp_path, fails)
    with pytest.raises(
        ProgramError, match=rf"web: {fails} tests failed \(exit code 4\).*reports: {tmp_path}/reports/web"
    ):
        testing.run(world.environment, COMMIT, place.workplace)
    assert len(place.tests()) == ran
    assert not (tmp_path / "reports" / "web" / f"{fails}.xml").exists()


def test_the_tests_of_one_context_run_once_for_the_same_arguments(two: World, tmp_path: Path) -> None:
    """Services may share an image's context; with other arguments it is another image."""
    place = Place(two, tmp_path)
    testing.run(two.environment, COMMIT, place.workplace)
    assert [line.split()[:2] for line in place.tests()] == [["unit", "api"], ["integration", "api"]]
    assert two.said("web: its tests are those of app, which have passed")
    api, web = two.environment.services
    other = replace(two.environment, services=(api, replace(web, build_args={"PYTHON_IMAGE": "python:3.12"})))
    testing.run(other, COMMIT, place.workplace)
    assert len(place.tests()) == 6


def test_an_application_without_tests_that_can_be_run_is_refused(world: World, tmp_path: Path) -> None:
    """With the contract, or with what makes it a program."""
    place = Place(world, tmp_path)
    program = tmp_path / "app" / "bin" / "test"
    program.chmod(0o644)
    with pytest.raises(DeliveryError, match=r"app/bin/test cannot be run.*chmod \+x"):
        testing.run(world.environment, COMMIT, place.workplace)
    program.unlink()
    with pytest.raises(DeliveryError, match=r"app/bin/test does not exist; a service's image context brings its own"):
        testing.run(world.environment, COMMIT, place.workplace)


def test_reports_that_tests_left_out_are_written_as_missing(world: World, tmp_path: Path) -> None:
    """A build fails for a report that its buildspec names and nobody wrote."""
    place = Place(world, tmp_path)
    program = tmp_path / "app" / "bin" / "test"
    program.write_text('#!/bin/sh\n[ "$1" != unit ] || echo mine >"$REPORTS/unit.xml"\n')
    testing.run(world.environment, COMMIT, place.workplace)
    reports = {path.name: path.read_text() for path in (tmp_path / "reports").rglob("*.xml")}
    assert set(reports) == {"unit.xml", "integration.xml", "coverage.xml"}
    assert reports["unit.xml"] == "mine\n"
    assert "wrote no integration.xml" in reports["integration.xml"]
    assert 'lines-covered="0"' in reports["coverage.xml"]
