"""Images that a stack runs, or may go back to, are marked, whatever put them there, and unmarked by `clean` only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract.images import in_use_tag
from delivery.deploying import deploy
from delivery.operator.clean import Cleaner
from delivery.release import in_use
from delivery.release.manifest import BY_HAND
from tests.unit.delivery.scenarios import BAD, ONE, TWO, roll_back
from tests.unit.delivery.world import FIRST, World, digest_of


def released(world: World, *commits: str) -> None:
    """Deploy releases by hand, as a person names them by their commits; all pass."""
    for commit in commits:
        deploy.run(world.session, replace(world.release(commit), execution=BY_HAND))
        world.passed("web")


def marked(world: World, commit: str, stack: str = "staging") -> bool:
    """Return whether a commit's image carries the mark of a stack."""
    digest = digest_of(commit)
    return in_use_tag(stack, digest) in world.registry.tags("slipway/web", digest)


def test_a_candidate_that_is_deployed_by_hand_is_marked_before_it_runs(world: World) -> None:
    """It may be the oldest one; what was marked stays marked, as a rollback may go there."""
    marks: list[bool] = []
    world.when_said["web: rolling out"] = lambda: marks.append(marked(world, ONE))
    released(world, ONE)
    assert marks == [True]
    released(world, TWO)
    assert marked(world, ONE)
    assert marked(world, TWO)


def test_a_rollback_marks_what_it_goes_back_to(world: World) -> None:
    """Which may have been deployed before there were marks."""
    released(world, ONE, TWO)
    world.registry.tags("slipway/web", digest_of(ONE)).discard(in_use_tag("staging", digest_of(ONE)))
    roll_back(world)
    assert marked(world, ONE)


def test_a_release_of_the_pipeline_is_left_to_promote(world: World) -> None:
    """The role of the step that deploys cannot tag."""
    release = replace(world.release(ONE), execution="11111111-2222")
    deploy.run(world.session, release)
    assert not world.aws.asked("PutImage")
    in_use.mark_release(world.aws, "staging", release)
    assert marked(world, ONE)


def test_clean_unmarks_what_no_revision_refers_to(world: World) -> None:
    """Never what runs, what it goes back to, or what another stack marked."""
    released(world, ONE, TWO, BAD)
    in_use.mark(world.aws("ecr"), "prod", "slipway/web", digest_of(ONE))
    in_use.mark(world.aws("ecr"), "staging", "slipway/web", digest_of(FIRST))
    Cleaner(clients=world.aws, stack="staging", say=world.say).run(world.environment, keep=1)
    assert [marked(world, one) for one in (FIRST, ONE, TWO, BAD)] == [True, False, True, True]
    assert marked(world, ONE, "prod")
    assert world.said("1 images are marked as in use by staging no longer")


def test_clean_of_a_destroyed_stack_takes_all_its_marks(world: World) -> None:
    """Not those of a stack whose name begins likewise; an image with no other tag stays."""
    ecr = world.aws("ecr")
    released(world, ONE)
    in_use.mark(ecr, "staging-two", "slipway/web", digest_of(ONE))
    world.registry.push("slipway/web", digest_of(TWO), in_use_tag("staging", digest_of(TWO)))
    assert in_use.unmark(ecr, "staging", "slipway/web", ()) == 1
    assert not marked(world, ONE)
    assert marked(world, ONE, "staging-two")
    assert marked(world, TWO)


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_a_mark_is_made_once(world: World, stack: str) -> None:
    """Its name is made of stack and digest, so it never has to move."""
    for _ in range(2):
        in_use.mark(world.aws("ecr"), stack, "slipway/web", digest_of(FIRST))
    assert marked(world, FIRST, stack)
