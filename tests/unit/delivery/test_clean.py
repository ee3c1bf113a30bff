"""Cleaning: how many revisions are kept, which ones never go, and whose they are."""

from __future__ import annotations

import pytest

from delivery.deploying import deploy
from delivery.errors import DeliveryError
from delivery.operator.clean import Cleaner
from tests.unit.delivery.world import FIRST, OURS, World, digest_of

COMMITS = [number * 40 for number in "123456"]


def statuses(world: World) -> str:
    """Return the letter of each release revision's status, oldest first: A(CTIVE), I(NACTIVE), D(ELETE_IN_PROGRESS)."""
    held = world.ecs.revisions.values()
    return "".join(one["status"][0] for one in held if one["family"] == "staging-web")


def clean(world: World, keep: int = 10, *, up: bool = True) -> int:
    """Clean the stack."""
    cleaner = Cleaner(clients=world.aws, stack="staging", say=world.say)
    return cleaner.run(world.environment if up else None, keep)


def released(world: World, *passed: int) -> None:
    """Deploy six releases, of which some passed."""
    for number, commit in enumerate(COMMITS, 1):
        deploy.run(world.session, world.release(commit))
        if number in passed:
            world.passed()


@pytest.mark.parametrize(
    ("keep", "left"),
    [(10, "AAAAAAA"), (6, "AAAAAAA"), (5, "ADAAAAA"), (3, "ADDDAAA"), (2, "ADDDDAA"), (1, "ADDDDAA"), (0, "ADDDDAA")],
)
def test_release_revisions_are_kept_up_to_a_number(world: World, keep: int, left: str) -> None:
    """Never the one that is served, nor the one that it goes back to, nor Pulumi's own."""
    released(world, 1, 2, 3, 4, 5, 6)
    assert clean(world, keep) == left.count("D")
    assert statuses(world) == left


def test_what_a_revision_without_acceptance_goes_back_to_is_kept(world: World) -> None:
    """Though it lies far behind."""
    released(world, 2)
    world.ecs.tags[world.arn("staging-web:7")]["slipway:replaces"] = world.arn("staging-web:5")
    clean(world, 1)
    assert statuses(world) == "ADADADA"


def test_revisions_of_others_are_left_alone(world: World) -> None:
    """Of another stack in the same family, of another project, and Pulumi's templates."""
    released(world, 1, 2, 3, 4, 5, 6)
    world.ecs.tags[world.arn("staging-web:2")]["environment"] = "prod"
    world.ecs.tags[world.arn("staging-web:3")]["project"] = "another"
    for name in ("staging-web:2", "staging-web:3", "staging-web:4"):
        world.client("ecs").deregister_task_definition(taskDefinition=world.arn(name))
    clean(world)
    assert statuses(world) == "AIIDAAA"
    assert {one["status"] for one in world.ecs.revisions.values() if one["family"].endswith("template")} == {"ACTIVE"}


def test_more_than_ten_are_deleted_ten_at_a_time(world: World) -> None:
    """So much does ECS take."""
    for number in range(23):
        made = world.ecs.register("staging-web-template", f"x:{number}", OURS)
        world.client("ecs").deregister_task_definition(taskDefinition=made)
    assert clean(world) == 23
    assert [len(asked["taskDefinitions"]) for asked in world.aws.asked("DeleteTaskDefinitions")] == [10, 10, 3]


def test_what_ecs_does_not_delete_is_named(world: World) -> None:
    """With its reason."""
    world.client("ecs").deregister_task_definition(taskDefinition=world.arn("staging-web-template:1"))
    world.ecs.undeletable = True
    with pytest.raises(DeliveryError, match=r"ECS did not delete .*staging-web-template:1: it is in use; run it again"):
        clean(world)


def test_of_a_destroyed_stack_everything_goes_but_what_runs(two: World) -> None:
    """A service that still runs one shows that the stack is not destroyed here."""
    for name in ("api", "web"):
        two.ecs.register(f"staging-{name}", f"x@{digest_of(FIRST, name)}", OURS)
    two.ecs.register("prod-web", "x", {"project": "slipway", "environment": "prod"})
    assert clean(two, up=False) == 4
    left = {name.rpartition("/")[2] for name, one in two.ecs.revisions.items() if one["status"] == "ACTIVE"}
    assert left == {"staging-api:1", "staging-web:1", "prod-web:1"}
    assert two.said("staging-api:1 is kept: a service runs it, so the stack is not destroyed")
