"""The images of acceptance suites: pushed by Build, pulled by Acceptance and Smoke; no release fails for them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from delivery.deploying import deploy
from delivery.deploying.acceptance import mark
from delivery.errors import DeliveryError
from delivery.release import building, images, manifest, pushed_suite
from tests.unit.delivery.application import COMMIT, Place, give_packages
from tests.unit.delivery.edge import HOST
from tests.unit.delivery.scenarios import accept
from tests.unit.delivery.world import World, digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from delivery.release.manifest import Manifest
    from tests.unit.delivery.commands import Commands
    from tests.unit.delivery.docker import Docker

TAG = f"candidate-{COMMIT}-suite"
SUITE = digest_of(TAG)
AT = f"{HOST}/slipway/web"
NOT_PUSHED = "web: its suite is not pushed, so Acceptance and Smoke build it: "


@pytest.fixture
def place(world: World, tmp_path: Path, docker: Docker) -> Place:
    """A repository; what Docker pushes is in the registry then."""
    give_packages(docker)
    world.registry.pushed = lambda: [call.rpartition(":")[2] for call in docker.calls("push")]
    return Place(world, tmp_path)


@pytest.fixture
def in_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """This is a build in CodeBuild."""
    monkeypatch.setenv("CODEBUILD_BUILD_ID", "slipway-staging-acceptance:1")


def served(world: World, suite: str = SUITE) -> Manifest:
    """Deploy a release whose suite was pushed."""
    release = world.release(COMMIT)
    deploy.run(world.session, release)
    return replace(release, services={"web": replace(release.services["web"], suite=suite)})


def built(docker: Docker, stage: str) -> list[str]:
    """Return the local names that the builds of a stage gave."""
    return [call.split("--tag=")[1].split()[0] for call in docker.calls(f"build --target={stage}")]


def test_build_pushes_the_suite_after_the_release_and_names_it_in_the_release(place: Place, docker: Docker) -> None:
    """By the digest that the registry has of it; nothing of it stays here, and the login is a file of ours."""
    made = place.build(push_suites=True)
    assert docker.calls("push") == [f"push {AT}:candidate-{COMMIT}", f"push {AT}:{TAG}"]
    (local,) = built(docker, "acceptance")
    calls = docker.calls()
    assert f"tag {local} {AT}:{TAG}" in calls
    assert {f"rmi --no-prune {AT}:{TAG}", f"rmi --no-prune {local}"} <= set(calls)
    assert made.services["web"].suite == place.world.registry.digest(TAG)
    assert manifest.read(place.folder / "out" / "release.json") == made
    assert (docker.folder / "mode").read_text() == "600\n"


def test_without_the_key_the_release_is_written_as_before(place: Place, docker: Docker) -> None:
    """And no suite is built."""
    made = place.build()
    assert built(docker, "acceptance") == []
    held = {"repository": "slipway/web", "digest": made.services["web"].digest, "version": COMMIT}
    wanted = {"commit": COMMIT, "execution": "run-1", "services": {"web": held}}
    assert (place.folder / "out" / "release.json").read_text() == json.dumps(wanted, indent=2) + "\n"


@pytest.mark.parametrize("value", ["1", ""])
def test_the_variable_of_the_build_project_has_the_suites_pushed(
    piped_commands: Commands, docker: Docker, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """Infra sets it with the key, and the buildspec need not name it."""
    give_packages(docker)
    place = Place(piped_commands.world, piped_commands.folder)
    place.world.registry.pushed = lambda: [call.rpartition(":")[2] for call in docker.calls("push")]
    monkeypatch.setenv("PUSH_SUITES", value)
    out = str(place.folder / "out")
    code, told = piped_commands("build", "--commit", COMMIT, "--output", out, "--reports", out)
    assert code == 0, told
    assert (f"push {AT}:{TAG}" in docker.calls("push")) is bool(value)


def test_a_build_that_reuses_its_image_finds_the_suite_too(place: Place, world: World, docker: Docker) -> None:
    """Nothing is built."""
    world.release(COMMIT)
    world.registry.push("slipway/web", SUITE, TAG)
    assert place.build(push_suites=True).services["web"].suite == SUITE
    assert docker.calls() == []
    assert world.said(f"web: {TAG} was pushed before as {SUITE}")


def test_a_retried_build_pushes_the_suite_that_the_first_one_could_not(
    place: Place, world: World, docker: Docker
) -> None:
    """The release image is reused."""
    world.release(COMMIT)
    assert place.build(push_suites=True).services["web"].suite == world.registry.digest(TAG)
    assert (built(docker, "release"), docker.calls("push")) == ([], [f"push {AT}:{TAG}"])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (f"push {AT}:{TAG}", "web: pushing failed (exit code 3)"),
        ("build --target=acceptance", "web: building the acceptance suite failed (exit code 3)"),
        (f":{TAG}", "Command '['docker', 'tag'"),
    ],
    ids=["push", "build", "tag"],
)
def test_a_suite_that_cannot_be_pushed_fails_no_release(
    place: Place, world: World, docker: Docker, words: str, why: str
) -> None:
    """The image is in the registry; why the suite is not is one line, and the release names none."""
    docker.fails(words)
    world.registry.pushed = lambda: [
        call.rpartition(":")[2] for call in docker.calls("push") if not call.endswith("-suite")
    ]
    made = place.build(push_suites=True)
    assert made.services["web"].digest == world.registry.digest(f"candidate-{COMMIT}")
    assert made.services["web"].suite == ""
    (line,) = [line for line in world.lines if line.startswith(NOT_PUSHED)]
    assert why in line
    assert "suite" not in (place.folder / "out" / "release.json").read_text()


def test_a_registry_that_refuses_the_suite_fails_no_release(place: Place, world: World) -> None:
    """As one whose repository policy is stricter than the role."""
    world.release(COMMIT)
    world.aws.fail("GetAuthorizationToken", "ServerException")
    assert place.build(push_suites=True).services["web"].suite == ""
    assert world.said(f"{NOT_PUSHED}AWS refused GetAuthorizationToken: ")


@pytest.mark.parametrize("facts", [{"acceptance": {"image": "curl"}}, {}], ids=["an image by name", "no suite"])
def test_what_is_no_build_stage_is_not_pushed(
    place: Place, world: World, docker: Docker, facts: dict[str, object]
) -> None:
    """An image that is configured by name is in a registry already."""
    (place.folder / "app" / "Dockerfile").write_text("FROM a AS release\n")
    path, values = "/slipway/staging/services/web", world.parameters.values
    values[path] = {**values[path], **facts}
    assert place.build(push_suites=True).services["web"].suite == ""
    assert docker.calls("push") == [f"push {AT}:candidate-{COMMIT}"]
    assert not world.said(NOT_PUSHED)


def test_the_configured_stage_of_a_suite_is_what_is_pushed(place: Place, world: World, docker: Docker) -> None:
    """The same that Acceptance would build."""
    path, values = "/slipway/staging/services/web", world.parameters.values
    values[path] = {**values[path], "acceptance": {"target": "probe"}}
    place.build(push_suites=True)
    assert len(built(docker, "probe")) == 1
    assert f"push {AT}:{TAG}" in docker.calls("push")


def test_a_suite_is_never_found_as_a_release(world: World) -> None:
    """By its commit's beginning, or by its own tag; nor is an image accepted under a suite's tag."""
    world.registry.push("slipway/web", SUITE, TAG)
    with pytest.raises(DeliveryError, match="no image tagged"):
        images.of_commit(world.aws("ecr"), world.environment, COMMIT[:8])
    with pytest.raises(DeliveryError, match="has no tag like"):
        mark(world.aws("ecr"), "slipway/web", SUITE)
    same = digest_of("the release is its own suite")
    other = "1" * 40
    world.registry.push("slipway/web", same, f"candidate-{other}-suite", f"candidate-{COMMIT}")
    assert mark(world.aws("ecr"), "slipway/web", same) == f"accepted-{COMMIT}"


@pytest.mark.usefixtures("in_build")
@pytest.mark.parametrize("safe_only", [False, True])
def test_acceptance_and_smoke_pull_the_suite_and_build_none(
    world: World, root: Path, docker: Docker, *, safe_only: bool
) -> None:
    """By its digest, with a login in a file of ours; it is removed afterwards."""
    accept(world, root, served(world), safe_only=safe_only)
    pull, image, version, tag, untag, run, _, rmi = docker.calls()
    assert pull == f"pull --quiet {AT}@{SUITE}"
    assert image == f"image inspect --format={{{{.Os}}}}/{{{{.Architecture}}}} {AT}@{SUITE}"
    assert version.startswith("version ")
    local = tag.split()[2]
    assert tag == f"tag {AT}@{SUITE} {local}"
    assert run.endswith(f" {local}")
    assert (untag, rmi) == (f"rmi --no-prune {AT}@{SUITE}", f"rmi --no-prune {local}")
    assert json.loads((docker.folder / "login").read_text()) == {"auths": {HOST: {"auth": "dG9rZW4="}}}
    assert world.said(f"web: pulled the acceptance suite that Build pushed, {SUITE}")
    assert world.tags("staging-web:2")["slipway:result"].startswith("passed")


@pytest.mark.usefixtures("in_build")
@pytest.mark.parametrize(
    ("words", "why"),
    [("pull ", "web: pulling its suite failed (exit code 3)"), ("tag ", "Command '['docker', 'tag'")],
    ids=["gone", "taken away"],
)
def test_a_suite_that_cannot_be_pulled_is_built_and_that_is_said(
    world: World, root: Path, docker: Docker, words: str, why: str
) -> None:
    """It expired, or another build on the same machine removed it."""
    docker.fails(words)
    accept(world, root, served(world))
    (local,) = built(docker, "acceptance")
    assert docker.calls("run")[0].endswith(f" {local}")
    (line,) = [line for line in world.lines if "that Build pushed is not used: " in line]
    assert why in line
    assert world.said("web: building the acceptance suite")


@pytest.mark.usefixtures("in_build")
def test_a_registry_that_gives_no_login_has_the_suite_built(world: World, root: Path, docker: Docker) -> None:
    """As before `pulumi up` has given the role its permission."""
    release = served(world)
    world.aws.fail("GetAuthorizationToken", "AccessDeniedException")
    accept(world, root, release)
    assert (docker.calls("pull"), len(built(docker, "acceptance"))) == ([], 1)
    assert world.said("is not used: AWS refused GetAuthorizationToken: ")


@pytest.mark.usefixtures("in_build")
def test_a_suite_for_another_platform_is_built(world: World, root: Path, docker: Docker) -> None:
    """As after a change of the services' processors; it would not start."""
    (docker.folder / "platform").write_text("linux/arm64\n")
    accept(world, root, served(world))
    assert len(built(docker, "acceptance")) == 1
    assert world.said("is for linux/arm64, and this machine is linux/amd64")


def test_by_hand_the_suite_is_that_of_the_checkout(
    world: World, root: Path, docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is what whoever tests a change of it wants."""
    monkeypatch.delenv("CODEBUILD_BUILD_ID", raising=False)
    accept(world, root, served(world))
    assert (docker.calls("pull"), len(built(docker, "acceptance"))) == ([], 1)


@pytest.mark.usefixtures("in_build")
def test_a_release_from_before_the_key_has_its_suite_built(world: World, root: Path, docker: Docker) -> None:
    """Its release.json names none."""
    accept(world, root, served(world, suite=""))
    assert (docker.calls("pull"), len(built(docker, "acceptance"))) == ([], 1)


def test_a_suite_that_is_no_digest_is_refused(tmp_path: Path) -> None:
    """It would be part of a command line."""
    web = manifest.Image(repository="slipway/web", digest=SUITE, version=COMMIT, suite="latest")
    manifest.Manifest(commit=COMMIT, execution="e", services={"web": web}).write(tmp_path / "release.json")
    with pytest.raises(DeliveryError, match="the digest of web is 'latest'"):
        manifest.read(tmp_path / "release.json")


def test_a_push_of_the_suite_that_hangs_keeps_no_release_back(
    place: Place, docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ended, and the release is as without the suite."""
    monkeypatch.setattr(building, "PUSH_SECONDS", 0.3)
    docker.hangs(f"push {AT}:{TAG}")
    place.world.registry.pushed = lambda: [f"candidate-{COMMIT}"]
    made = place.build(push_suites=True).services["web"]
    assert (made.suite, made.digest) == ("", place.world.registry.digest(f"candidate-{COMMIT}"))
    assert place.world.said(f"{NOT_PUSHED}web: pushing has not ended within 0 minutes")


@pytest.mark.usefixtures("in_build")
def test_a_pull_of_the_suite_that_hangs_is_ended_and_the_suite_built(
    world: World, root: Path, docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the step's own time limit, which would put nothing back."""
    monkeypatch.setattr(pushed_suite, "PULL_SECONDS", 0.3)
    docker.hangs("pull ")
    accept(world, root, served(world))
    assert len(built(docker, "acceptance")) == 1
    assert world.said("web: the acceptance suite that Build pushed is not used: web: pulling its suite has not ended")
