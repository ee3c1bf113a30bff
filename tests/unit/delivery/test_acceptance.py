"""Acceptance: what is tested is what is expected, before and after; a failure is put back, a success is marked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from delivery.deploying import acceptance, deploy
from delivery.deploying.acceptance import Acceptance, WrongReleaseError
from delivery.errors import DeliveryError, InterruptedDeliveryError
from delivery.release import images
from tests.unit.delivery.world import FIRST, World, digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from delivery.release.manifest import Manifest
    from tests.unit.delivery.docker import Docker

GOOD, NEXT = "a" * 40, "b" * 40


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with an image context."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "Dockerfile").touch()
    return tmp_path


def accept(world: World, root: Path, of: Manifest | None, *, safe_only: bool = False, put_back: bool = True) -> None:
    """Run the acceptance of what is served."""
    Acceptance(
        session=world.session, manifest=of, root=root, reports=root / "reports", safe_only=safe_only
    ).run(put_back=put_back)  # fmt: skip


def deployed(world: World, commit: str = GOOD) -> Manifest:
    """Deploy a release; returns its manifest."""
    release = world.release(commit)
    deploy.run(world.session, release)
    return release


@pytest.mark.usefixtures("docker")
def test_what_passed_is_marked_on_its_revision(world: World, root: Path) -> None:
    """In the pipeline no image is tagged: that is another step's; the reports that were left out are written."""
    accept(world, root, deployed(world))
    assert world.tags("staging-web:2")["slipway:result"].startswith("passed 20")
    assert not world.aws.asked("PutImage")
    assert (root / "reports" / "web" / "acceptance.xml").exists()
    assert "coverage.xml" not in {path.name for path in (root / "reports" / "web").iterdir()}


@pytest.mark.parametrize(("safe_only", "tagged"), [(False, True), (True, False)])
def test_by_hand_the_full_suite_alone_accepts_images(
    world: World, root: Path, docker: Docker, *, safe_only: bool, tagged: bool
) -> None:
    """What changes nothing proves too little; SAFE_ONLY tells the suite which it is."""
    deployed(world)
    accept(world, root, None, safe_only=safe_only)
    assert (f"accepted-{GOOD}" in world.registry.tags("slipway/web", digest_of(GOOD))) is tagged
    assert world.said(f"web: {digest_of(GOOD)} is tagged accepted-{GOOD}") is tagged
    assert ("--env=SAFE_ONLY=1" in docker.calls("run")[0]) is safe_only
    assert "SAFE_ONLY=0" not in docker.calls("run")[0]
    assert world.tags("staging-web:2")["slipway:result"].startswith("passed")


def test_a_suite_is_built_with_the_stacks_arguments_and_runs_beside_the_environment(
    world: World, root: Path, docker: Docker
) -> None:
    """On the host's network, with what it has to expect; image and container are removed."""
    accept(world, root, deployed(world))
    build, run, remove, rmi = docker.calls()
    image = build.split("--tag=")[1].split()[0]
    assert image.startswith("slipway-acceptance/web:")
    assert build == (
        f"build --target=acceptance --tag={image} --file={root}/app/Dockerfile --build-arg=DEBUG=no "
        f"--build-arg=PYTHON_IMAGE=python:3.11 {root}/app"
    )
    name = run.split("--name=")[1].split()[0]
    assert run == (
        f"run --rm --name={name} --network=host --volume={root}/reports/web:/reports --env=SERVICE=web "
        f"--env=BASE_URL={world.environment.url} --env=EXPECTED_DIGEST={digest_of(GOOD)} "
        f"--env=EXPECTED_VERSION={GOOD} {image}"
    )
    assert (remove, rmi) == (f"rm --force {name}", f"rmi --no-prune {image}")


@pytest.mark.parametrize("step", ["run", "build"])
def test_what_fails_its_suite_is_put_back(world: World, root: Path, docker: Docker, step: str) -> None:
    """Or what has none that could be built; nothing of it has passed, and what was made for it is removed."""
    docker.fails(f"{step} --")
    with pytest.raises(DeliveryError, match=r"web.*exit code 3.*put back: web serves staging-web:1") as failure:
        accept(world, root, deployed(world))
    assert world.running() == "staging-web:1"
    assert world.tags("staging-web:2")["slipway:result"].startswith("failed")
    assert (f"reports: {root}/reports/web" in str(failure.value)) is (step == "run")
    assert len(docker.calls("rmi")) == 1
    assert len(docker.calls("rm ")) == (step == "run")
    assert world.said("failed: ")


def test_without_being_asked_nothing_is_put_back(world: World, root: Path, docker: Docker) -> None:
    """By hand, one may want to look at it."""
    docker.fails("run --")
    with pytest.raises(DeliveryError, match=r"acceptance of web at http://127.* failed \(exit code 3\)"):
        accept(world, root, deployed(world), put_back=False)
    assert world.running() == "staging-web:2"
    assert "slipway:result" not in world.tags("staging-web:2")


def test_only_what_the_release_changed_is_put_back(two: World, root: Path, docker: Docker) -> None:
    """A service whose revision had passed before was not touched by it."""
    release = deployed(two)
    two.passed("api")
    two.passed("web")
    two.template("web", GREETING="hello")
    deploy.run(two.session, release)
    docker.fails("--env=SERVICE=web")
    with pytest.raises(DeliveryError, match=r"put back: web serves staging-web:2 \(a+\)$"):
        accept(two, root, release)
    assert (two.running("api"), two.running("web")) == ("staging-api:2", "staging-web:2")


def test_a_release_that_had_passed_and_fails_now_is_put_back_whole(two: World, root: Path, docker: Docker) -> None:
    """There is nothing else that it could have changed."""
    release = deployed(two)
    two.passed("api")
    two.passed("web")
    docker.fails("--env=SERVICE=web")
    with pytest.raises(DeliveryError, match=r"put back: api serves staging-api:1.*, web serves staging-web:1"):
        accept(two, root, release)


def test_what_replaced_nothing_good_is_not_put_back(world: World, root: Path, docker: Docker) -> None:
    """And said so."""
    docker.fails("run --")
    with pytest.raises(
        DeliveryError, match=r"web is not put back: staging-web:1 \(content-1\) replaced no good revision"
    ):
        accept(world, root, None)
    assert world.running() == "staging-web:1"


def test_where_what_was_replaced_is_gone_the_newest_that_passed_serves(
    world: World, root: Path, docker: Docker
) -> None:
    """It was deleted since."""
    deployed(world)
    world.passed()
    deployed(world, NEXT)
    world.ecs.tags[world.arn("staging-web:3")]["slipway:replaces"] = "arn:aws:ecs:gone"
    docker.fails("run --")
    with pytest.raises(DeliveryError, match=r"put back: web serves staging-web:2"):
        accept(world, root, None)


@pytest.mark.parametrize("wrong", ["digest", "version", "service"])
@pytest.mark.usefixtures("docker")
def test_another_release_than_the_expected_is_neither_tested_nor_put_back(
    world: World, root: Path, docker: Docker, wrong: str
) -> None:
    """It is another deploy's."""
    release = deployed(world)
    image = replace(release.services["web"], **{wrong: "other"}) if wrong != "service" else release.services["web"]
    other = replace(release, services={"api" if wrong == "service" else "web": image})
    told = rf"web in staging runs {GOOD} \({digest_of(GOOD)}\), not .* of the release; it was deployed to since"
    with pytest.raises(WrongReleaseError, match=told):
        accept(world, root, other)
    assert not docker.calls()
    assert world.running() == "staging-web:2"


@pytest.mark.usefixtures("docker")
def test_a_deploy_while_it_is_tested_is_found_at_the_end(world: World, root: Path) -> None:
    """Nothing is marked or put back: what was tested is not what serves."""
    release = deployed(world)

    def again() -> None:
        first, *_ = (task for task in world.ecs.tasks if task.status == "RUNNING")
        world.template(GREETING="hello")
        ecs, old = world.ecs, first.definition
        first.definition = ecs.register("staging-web", ecs.image(old), {}, **ecs.variables(old))

    world.when_said["web: testing"] = again
    with pytest.raises(WrongReleaseError, match=r"staging was deployed to while it was tested; run it again"):
        accept(world, root, release)
    assert "slipway:result" not in world.tags("staging-web:2")
    assert not [asked for asked in world.aws.asked("UpdateService") if asked["taskDefinition"].endswith(":1")]


@pytest.mark.usefixtures("docker")
def test_what_another_deploy_brought_meanwhile_is_not_put_back(world: World, root: Path) -> None:
    """Although the answers are wrong."""
    release = deployed(world)
    world.when_said["web: testing"] = lambda: deploy.run(world.session, world.release(NEXT))
    told = rf"tells {NEXT}.*; web is not put back: it was deployed to meanwhile and runs staging-web:3"
    with pytest.raises(DeliveryError, match=told):
        accept(world, root, release)
    assert world.running() == "staging-web:3"


@pytest.mark.usefixtures("docker")
def test_right_answers_are_waited_for_fifteen_seconds(world: World, root: Path, docker: Docker) -> None:
    """A target may just have been drained; what stays wrong is not tested at all."""
    release = deployed(world)
    world.balancer.lies[digest_of(GOOD)] = 503
    world.time.at(14, world.balancer.lies.clear)
    accept(world, root, release)
    slept, calls = world.time.slept, len(docker.calls())
    world.balancer.lies[digest_of(GOOD)] = 503
    with pytest.raises(DeliveryError, match=r"answers 503"):
        accept(world, root, release, put_back=False)
    assert 15 <= world.time.slept - slept <= 17
    assert len(docker.calls()) == calls


def test_an_interrupted_acceptance_says_what_serves(world: World, root: Path) -> None:
    """And that it is untested."""
    release = deployed(world)

    def stop() -> None:
        raise KeyboardInterrupt

    world.when_said["building the acceptance suite"] = stop
    told = r"interrupted: staging serves what it served, untested; .*delivery rollback --stack staging"
    with pytest.raises(InterruptedDeliveryError, match=told):
        accept(world, root, release)
    assert "slipway:result" not in world.tags("staging-web:2")


def test_without_a_running_task_there_is_nothing_to_test(world: World, root: Path) -> None:
    """ECS's events say more."""
    for task in world.ecs.tasks:
        task.status = "STOPPED"
    with pytest.raises(DeliveryError, match=r"'staging-web' in cluster 'the-cluster' runs no task"):
        accept(world, root, None)


def test_an_image_is_accepted_by_the_name_it_was_pushed_under(world: World) -> None:
    """Twice the same is one tag; without a tag to derive it from, or without the image, there is none."""
    ecr = world.client("ecr")
    assert acceptance.mark(ecr, "slipway/web", digest_of(FIRST)) == "accepted-1"
    assert acceptance.mark(ecr, "slipway/web", digest_of(FIRST)) == "accepted-1"
    assert world.registry.tags("slipway/web", digest_of(FIRST)) == {FIRST, "accepted-1"}
    world.registry.push("slipway/web", "sha256:bare", "latest")
    with pytest.raises(DeliveryError, match=r"sha256:bare in 'slipway/web' has no tag like"):
        acceptance.mark(ecr, "slipway/web", "sha256:bare")
    with pytest.raises(DeliveryError, match=r"has no image sha256:gone; it was removed while it ran"):
        acceptance.mark(ecr, "slipway/web", "sha256:gone")
    assert images.tags_of(ecr, "slipway/web", "sha256:gone") == []
