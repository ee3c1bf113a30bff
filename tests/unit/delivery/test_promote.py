"""Promoting: which tag goes onto which image, once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from delivery.errors import DeliveryError
from delivery.release import images, promote
from delivery.release.manifest import BY_HAND
from tests.unit.delivery.world import FIRST, World, digest_of

COMMIT = "a" * 40
RUN = "11111111-2222-3333-4444-555555555555"


def test_every_image_of_a_release_is_accepted(two: World) -> None:
    """Each in its repository, by its commit."""
    promote.run(two.aws, two.release(COMMIT), "accepted", BY_HAND, two.say)
    for name in two.names:
        tags = two.registry.tags(f"slipway/{name}", digest_of(COMMIT, name))
        assert tags == {f"candidate-{COMMIT}", f"accepted-{COMMIT}"}
    assert two.lines[0] == f"api: {digest_of(COMMIT, 'api')} is now tagged accepted-{COMMIT}"


def test_a_release_to_production_is_tagged_with_its_execution(world: World) -> None:
    """Of which the first eight characters are enough."""
    promote.run(world.aws, world.release(COMMIT), "released", RUN, world.say)
    assert f"released-{COMMIT}-11111111" in world.registry.tags("slipway/web", digest_of(COMMIT))


@pytest.mark.parametrize("execution", ["", BY_HAND])
def test_a_release_to_production_needs_an_execution(world: World, execution: str) -> None:
    """Nothing is tagged without."""
    with pytest.raises(DeliveryError, match=r"give it: --execution ID"):
        promote.run(world.aws, world.release(COMMIT), "released", execution, world.say)
    assert not world.aws.asked("PutImage")


def test_twice_the_same_changes_nothing(world: World) -> None:
    """And is said to be so."""
    release = world.release(COMMIT)
    for _ in range(2):
        promote.run(world.aws, release, "accepted", BY_HAND, world.say)
    assert len(world.aws.asked("PutImage")) == 1
    assert world.lines[-1] == f"web: {digest_of(COMMIT)} was already tagged accepted-{COMMIT}"


def test_a_tag_never_moves(world: World) -> None:
    """Both digests are named."""
    release = world.release(COMMIT)
    world.registry.push("slipway/web", "sha256:other", f"accepted-{COMMIT}")
    with pytest.raises(DeliveryError, match=rf"is on sha256:other, not on {digest_of(COMMIT)}; a tag never moves"):
        promote.run(world.aws, release, "accepted", BY_HAND, world.say)


def test_an_image_that_is_gone_is_not_promoted(world: World) -> None:
    """Of the digest in the manifest, whatever the tags say."""
    release = world.release(COMMIT)
    image = replace(release.services["web"], digest="sha256:gone")
    with pytest.raises(DeliveryError, match=r"has no image sha256:gone; it was removed; build the commit again"):
        promote.run(world.aws, replace(release, services={"web": image}), "accepted", BY_HAND, world.say)


def test_a_refused_tag_is_no_tag(world: World) -> None:
    """An error of another kind than "it has it already" is not taken for one."""
    release = world.release(COMMIT)
    world.aws.fail("PutImage", "AccessDeniedException")
    with pytest.raises(Exception, match=r"AccessDeniedException"):
        promote.run(world.aws, release, "accepted", BY_HAND, world.say)


def test_the_images_of_a_commit_are_found_by_any_of_its_tags(two: World) -> None:
    """By the whole commit as a candidate, and by its beginning on any page of the repository."""
    release = two.release(COMMIT)
    two.release("b" * 40)
    ecr = two.client("ecr")
    for text in (COMMIT, COMMIT[:7]):
        found = images.of_commit(ecr, two.environment, text)
        assert (found.commit, found.services) == (COMMIT, release.services)
        assert found.execution == BY_HAND
    for name in two.names:
        two.registry.images[f"slipway/{name}"].pop(digest_of(COMMIT, name))
        two.registry.push(f"slipway/{name}", digest_of(COMMIT, name), f"released-{COMMIT}-11111111", "latest")
    assert images.of_commit(ecr, two.environment, COMMIT).services == release.services


def test_a_commit_that_one_service_lacks_is_no_release(two: World) -> None:
    """It is said how to build it."""
    two.release(COMMIT)
    del two.registry.images["slipway/web"][digest_of(COMMIT, "web")]
    told = rf"'slipway/web' has no image tagged candidate-{COMMIT}.*delivery build --stack staging --commit {COMMIT}"
    with pytest.raises(DeliveryError, match=told):
        images.of_commit(two.client("ecr"), two.environment, COMMIT)


def test_tags_that_are_no_commits_are_read_over(world: World) -> None:
    """Such as that of a first image, whose hash looks like one."""
    world.registry.push("slipway/web", "sha256:x", "content-aaaaaaaaaaaa", "candidate-main", "accepted-aaa")
    with pytest.raises(DeliveryError, match=r"no image tagged"):
        images.of_commit(world.client("ecr"), world.environment, "aaaaaaa")


def test_a_repository_that_is_gone_is_named(world: World) -> None:
    """Unlike any other error, which is told as it is."""
    ecr = world.client("ecr")
    with pytest.raises(DeliveryError, match=r"no repository 'slipway/none' in this account and region"):
        images.describe(ecr, "slipway/none", {"imageTag": FIRST})
    world.aws.fail("DescribeImages", "AccessDeniedException")
    with pytest.raises(Exception, match=r"AccessDeniedException"):
        images.describe(ecr, "slipway/web", {"imageTag": FIRST})
