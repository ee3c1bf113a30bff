"""Testing and building a commit: which programs are started with what, and what is left of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from delivery.errors import DeliveryError
from delivery.process import ProgramError
from delivery.release import manifest
from tests.unit.delivery.application import COMMIT, Place, give_packages
from tests.unit.delivery.edge import HOST
from tests.unit.delivery.world import World, digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.delivery.docker import Docker

REMOTE = f"{HOST}/slipway/web:candidate-{COMMIT}"


@pytest.fixture
def place(world: World, tmp_path: Path, docker: Docker) -> Place:
    """A repository whose image has two packages; what Docker pushes is in the registry then."""
    give_packages(docker)
    world.registry.pushed = lambda: [call.rpartition(":")[2] for call in docker.calls("push")]
    return Place(world, tmp_path)


def test_a_commit_is_built_tested_and_pushed(place: Place, world: World, docker: Docker) -> None:
    """Then told in release.json and release.txt, with a bill of materials; nothing stays on this machine."""
    made = place.build()
    digest = world.registry.digest(f"candidate-{COMMIT}")
    assert manifest.read(place.folder / "out" / "release.json") == made
    assert (made.commit, made.execution, made.platform) == (COMMIT, "run-1", "")
    assert (made.services["web"].digest, made.services["web"].version) == (digest, COMMIT)
    assert (place.folder / "out" / "release.txt").read_text() == f"web@{digest}\n"
    local = docker.calls("build")[0].split("--tag=")[1].split()[0]
    assert place.tests() == [f"acceptance web {COMMIT} python:3.11 {local}"]
    bill = json.loads((place.folder / "out" / "sbom-web.cdx.json").read_text())
    assert [one["name"] for one in bill["components"]] == ["bash"]
    calls = docker.calls()
    assert f"tag {local} {REMOTE}" in calls
    assert {f"rmi --no-prune {REMOTE}", f"rmi --no-prune {local}", "rm --force the-container"} <= set(calls)
    assert calls.index(f"push {REMOTE}") < calls.index(f"rmi --no-prune {REMOTE}")


def test_the_login_is_in_a_file_that_only_we_can_read(place: Place, docker: Docker) -> None:
    """And on no command line."""
    place.build()
    held = json.loads((docker.folder / "login").read_text())
    assert held == {"auths": {HOST: {"auth": "dG9rZW4="}}}
    assert (docker.folder / "mode").read_text() == "600\n"
    assert not [call for call in docker.calls() if "dG9rZW4=" in call]


def test_a_commit_that_was_built_before_is_reused(place: Place, world: World, docker: Docker) -> None:
    """Its report says so as a skipped test."""
    release = world.release(COMMIT)
    assert place.build().services == release.services
    assert not docker.calls()
    assert "it is reused" in (place.folder / "reports" / "web" / "acceptance.xml").read_text()
    assert world.said(f"web: candidate-{COMMIT} was built and tested before as {digest_of(COMMIT)}; it is reused")


def test_what_fails_its_tests_is_not_pushed(world: World, place: Place, docker: Docker) -> None:
    """And its image does not stay."""
    failing = Place(world, place.folder, "acceptance")
    with pytest.raises(ProgramError, match=r"web: acceptance tests failed \(exit code 4\)"):
        failing.build()
    assert not docker.calls("push")
    assert docker.calls("rmi")
    assert not (place.folder / "out" / "release.json").exists()


def test_what_does_not_build_is_named(place: Place, docker: Docker) -> None:
    """Its tests do not begin."""
    docker.fails("build --")
    with pytest.raises(ProgramError, match=r"web: building.* failed \(exit code 3\)"):
        place.build()
    assert not place.tests()


def test_what_another_build_of_the_commit_pushed_meanwhile_is_used(place: Place, world: World, docker: Docker) -> None:
    """Tags never move, so that a second push is refused."""
    docker.fails("push ")
    world.when_said["web: built"] = lambda: world.release(COMMIT)
    assert place.build().services["web"].digest == digest_of(COMMIT)
    assert world.said(f"web: another build of this commit pushed candidate-{COMMIT} meanwhile; it is used")


def test_a_push_that_fails_is_a_failure(place: Place, world: World, docker: Docker) -> None:
    """Its output is shown; one that is not found afterwards is one, too."""
    docker.fails("push ")
    world.registry.pushed = list
    with pytest.raises(ProgramError, match=r"web: pushing failed \(exit code 3\)"):
        place.build()
    docker.fails("nothing of this")
    with pytest.raises(DeliveryError, match=r"was pushed, but repository 'slipway/web' does not show it"):
        place.build()


def test_an_image_for_another_platform_than_asked_for_is_refused(place: Place, docker: Docker) -> None:
    """As a base image may make it, before its tests."""
    with pytest.raises(DeliveryError, match=r"the image is for linux/amd64, not for linux/arm64; name base images"):
        place.build("linux/arm64")
    assert "--platform=linux/arm64" in docker.calls("build")[0]
    assert not place.tests()


def test_one_platform_of_several_is_a_part(place: Place, docker: Docker) -> None:
    """Under a tag of its own; no release yet."""
    made = place.build("linux/amd64")
    assert made.platform == "linux/amd64"
    assert docker.calls("push") == [f"push {REMOTE}-amd64"]
    assert (place.folder / "out" / "sbom-web-amd64.cdx.json").exists()
    with pytest.raises(DeliveryError, match=r"holds the images of linux/amd64 alone"):
        manifest.read(place.folder / "out" / "release.json")
