"""Deploying: what ECS calls a success is verified, by tasks, targets and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from delivery.deploying import deploy
from delivery.errors import DeliveryError
from tests.unit.delivery.scenarios import GOOD, NEXT, failed
from tests.unit.delivery.world import World, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable


def mixed(world: World) -> None:
    """Let one task run another image under the same revision."""
    next(task for task in world.ecs.tasks if task.definition.endswith(":2")).digest = "sha256:other"


def left_over(world: World) -> None:
    """Leave a task of the revision before."""
    next(task for task in world.ecs.tasks if task.definition.endswith(":1")).status = "RUNNING"


def hidden(world: World) -> None:
    """Let ECS not tell the digest of a task."""
    next(task for task in world.ecs.tasks if task.definition.endswith(":2")).digest = ""


def too_few(world: World) -> None:
    """Let a task end after all."""
    next(task for task in world.ecs.tasks if task.definition.endswith(":2")).status = "STOPPED"


def unhealthy(world: World) -> None:
    """Let a target fail."""
    world.balancer.unhealthy.add(next(task.address for task in world.ecs.tasks if task.definition.endswith(":2")))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (mixed, r"web: a task runs the image sha256:other, not sha256:.* \(for 30 s after the rollout\)"),
        (left_over, "web: a task runs staging-web:1, not arn:.*staging-web:2"),
        (hidden, r"web: a task runs the image \(not shown\)"),
        (too_few, "web: 1 of 2 tasks run"),
        (
            unhealthy,
            r"web: 1 of 2 tasks are healthy targets: 10.0.0.3 unhealthy; 10.0.0.4 healthy; 10.9.9.9 draining",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_ecs_calls_a_success_is_proved_task_by_task(
    world: World, change: Callable[[World], None], told: str
) -> None:
    """Its digest, its revision, its number, its target's health."""
    world.ecs.afterwards.append(lambda: change(world))
    failed(world, told)


def test_a_target_that_belongs_to_no_task_is_found(world: World) -> None:
    """It would get requests: nothing serves what was proved while it is there."""
    world.time.at(5, lambda: world.balancer.strays.append("10.1.1.1"))
    with pytest.raises(DeliveryError, match=r"web: 10.1.1.1 still gets requests but belongs to no task of it"):
        deploy.run(world.session, world.release(GOOD))


@pytest.mark.parametrize(
    ("lie", "told"),
    [
        (f'{{"commit": "{NEXT}", "digest": "{digest_of(GOOD)}"}}', f"a wrong version is served: .*tells {NEXT}"),
        (f'{{"commit": "{GOOD}", "digest": "sha256:1"}}', r"wrong version is served: .*\(sha256:1\), not aaa"),
        ("hello", 'does not tell {"commit": ..., "digest": ...} from APP_VERSION and IMAGE_DIGEST'),
        ("[]", "does not tell"),
        (500, "/web/version answers 500"),
    ],
    ids=["version", "digest", "text", "list", "error"],
)
def test_what_is_answered_is_part_of_the_proof(world: World, lie: str | int, told: str) -> None:
    """By version and digest; the breaker has seen nothing wrong, so that delivery goes back by itself."""
    world.balancer.lies[digest_of(GOOD)] = lie
    failed(world, told)
    assert world.aws.asked("UpdateService")[-1]["taskDefinition"] == world.arn("staging-web:1")


def test_one_wrong_answer_of_ten_is_wrong(world: World) -> None:
    """Tasks take turns: one of them that lies is found."""
    answers = iter(["", "", "", "", "", "", "", "", "", "no"] * 99)
    world.balancer.lies = type(
        "Lies", (dict,), {"get": lambda *_: next(answers) if world.running()[-1] == "2" else ""}
    )()
    failed(world, "does not tell")
