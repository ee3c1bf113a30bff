"""Testing a commit: each service's own tests, their reports, and what ends them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from delivery.errors import DeliveryError
from delivery.process import ProgramError
from delivery.release import testing
from tests.unit.delivery.application import COMMIT, Place
from tests.unit.delivery.edge import HOST
from tests.unit.delivery.world import World

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.delivery.docker import Docker


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


def test_tests_that_cannot_be_run_are_refused(world: World, tmp_path: Path) -> None:
    """With what makes them a program."""
    place = Place(world, tmp_path)
    program = tmp_path / "app" / "bin" / "test"
    program.chmod(0o644)
    with pytest.raises(DeliveryError, match=r"app/bin/test cannot be run.*chmod \+x"):
        testing.run(world.environment, COMMIT, place.workplace)


def bare(world: World, folder: Path, dockerfile: str = "FROM a\n", **tests: object) -> Place:
    """Return a repository with an application that has no bin/test."""
    place = Place(world, folder)
    (folder / "app" / "bin" / "test").unlink()
    (folder / "app" / "Dockerfile").write_text(dockerfile)
    path, values = "/slipway/staging/services/web", world.parameters.values
    values[path] = {**values[path], "target": "", "tests": tests}
    return place


def test_an_application_without_tests_is_told_of_and_never_passes_tests(
    world: World, tmp_path: Path, docker: Docker
) -> None:
    """The reports hold a skipped test each."""
    testing.run(world.environment, COMMIT, bare(world, tmp_path).workplace)
    assert world.said("web: NO TESTS: there is no app/bin/test")
    assert not world.said("passed")
    assert docker.calls() == []
    report = (tmp_path / "reports" / "web" / "unit.xml").read_text()
    assert 'skipped="1"' in report
    assert "NO TESTS: there is no app/bin/test" in report


def test_the_stage_test_of_a_dockerfile_is_built(world: World, tmp_path: Path, docker: Docker) -> None:
    """Its build is the application's own test."""
    place = bare(world, tmp_path, "FROM a AS test\nFROM a\n")
    testing.run(world.environment, COMMIT, place.workplace)
    assert [call.split()[1] for call in docker.calls("build")] == ["--target=test"]
    assert world.said("web: the tests in its build stage `test` passed")
    docker.fails("build --target=test")
    with pytest.raises(ProgramError):
        testing.run(world.environment, COMMIT, place.workplace)


def test_services_of_one_context_are_told_apart_by_their_dockerfiles(tmp_path: Path, docker: Docker) -> None:
    """One has tests, the other has none, which is not called passed."""
    world = World(names=("api", "web"))
    place = bare(world, tmp_path)
    for name, text in (("api", "FROM a\n"), ("web", "FROM a AS test\nFROM a\n")):
        (tmp_path / "app" / f"Dockerfile.{name}").write_text(text)
        path, values = f"/slipway/staging/services/{name}", world.parameters.values
        values[path] = {**values[path], "dockerfile": f"Dockerfile.{name}", "target": ""}
    testing.run(world.environment, COMMIT, place.workplace)
    assert len(docker.calls("build")) == 1
    assert world.said("api: NO TESTS")
    assert not world.said("which have passed")


def test_no_tests_of_a_shared_context_are_told_of_for_each_service(tmp_path: Path, docker: Docker) -> None:
    """They have not passed for the second one either."""
    world = World(names=("api", "web"))
    place = bare(world, tmp_path)
    testing.run(world.environment, COMMIT, place.workplace)
    assert [name for name in ("api", "web") if world.said(f"{name}: NO TESTS")] == ["api", "web"]
    assert not world.said("passed")
    assert docker.calls() == []


@pytest.mark.parametrize(
    ("tests", "image", "build"),
    [
        ({"image": "node:20"}, "node:20", []),
        ({"target": "unit"}, "slipway-suite/web", ["--target=unit"]),
        ({}, "slipway-suite/web", ["--tag=slipway"]),
    ],
)
def test_configured_tests_run_in_a_container(
    tmp_path: Path, docker: Docker, tests: dict[str, object], image: str, build: list[str]
) -> None:
    """In an image, in a stage, or in the release image."""
    world = World()
    place = bare(world, tmp_path, "FROM a AS unit\nFROM b\n", command=["npm", "test"], **tests)
    testing.run(world.environment, COMMIT, place.workplace)
    (ran,) = docker.calls("run")
    assert "--entrypoint=npm" in ran
    assert f" {image}" in ran
    assert ran.endswith(" test")
    assert [call.split()[1][:13] for call in docker.calls("build")] == build
    docker.fails("--entrypoint=npm")
    with pytest.raises(ProgramError, match=f"reports: {tmp_path}/reports/web"):
        testing.run(world.environment, COMMIT, place.workplace)


def test_an_image_without_tests_is_pushed_and_that_is_said(world: World, tmp_path: Path, docker: Docker) -> None:
    """Staging has to prove it."""
    place = bare(world, tmp_path)
    testing.of_image(world.environment.services[0], COMMIT, "local", place.workplace)
    assert world.said("the image is pushed without a test")
    assert docker.calls() == []


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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            b"#!/bin/sh\r\nexit 0\r\n",
            "has Windows line ends; convert them, and add to .gitattributes: app/bin/test text eol=lf",
        ),
        (
            b"#!/usr/bin/env sh\r\nexit 0\r\n",
            "has Windows line ends; convert them, and add to .gitattributes: app/bin/test text eol=lf",
        ),
        (b"exit 0\n", "does not begin with #! and an interpreter; let its first line name one, such as #!/bin/sh"),
        (b"", "does not begin with #! and an interpreter; let its first line name one, such as #!/bin/sh"),
        (b"\xef\xbb\xbf#!/bin/sh\n", "does not begin with #! and an interpreter; "),
        (b"#!/no/such/shell -e\nexit 0\n", "needs /no/such/shell by its first line, which is not installed here"),
        (b"#!\nexit 0\n", "does not begin with #! and an interpreter"),
    ],
    ids=["Windows", "Windows with env", "no first line", "empty", "byte order mark", "no interpreter", "only #!"],
)
@pytest.mark.parametrize("kind", ["unit", "acceptance"])
def test_tests_that_the_system_cannot_start_are_refused_in_one_line(
    world: World, tmp_path: Path, text: bytes, reason: str, kind: str
) -> None:
    """The system says that the program is not there, or that its format is wrong."""
    place = Place(world, tmp_path)
    (tmp_path / "app" / "bin" / "test").write_bytes(text)
    service = world.environment.services[0]
    with pytest.raises(DeliveryError) as refused:
        testing.script(service, kind, {}, place.workplace)
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{tmp_path}/app/bin/test {reason.split(';')[0]}")
    assert reason in line


def test_tests_may_be_a_compiled_program(world: World, tmp_path: Path) -> None:
    """Whatever its first bytes look like as a line."""
    place = Place(world, tmp_path)
    program = tmp_path / "app" / "bin" / "test"
    shutil.copy("/bin/true", program)
    testing.run(world.environment, COMMIT, place.workplace)
    assert world.lines[-1] == "web: integration tests passed"
