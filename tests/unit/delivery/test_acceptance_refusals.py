"""Acceptance: what is not tested, not put back or not marked, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from delivery.deploying import acceptance, deploy
from delivery.deploying.acceptance import WrongReleaseError
from delivery.errors import DeliveryError, InterruptedDeliveryError
from delivery.release import images
from tests.unit.delivery.scenarios import GOOD, NEXT, accept, deployed
from tests.unit.delivery.world import FIRST, World, digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.delivery.docker import Docker


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
