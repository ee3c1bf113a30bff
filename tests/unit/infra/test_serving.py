"""`pulumi up` ends in success only when every service serves."""

from __future__ import annotations

import pulumi
import pytest

from infra.serving import Check, Declared
from tests.unit.delivery.world import World


@pytest.fixture
def world() -> World:
    """Return a stack that serves."""
    return World()


def check(world: World, task_definition: str | None = None, name: str = "web") -> None:
    """Run the check of one service."""
    clock = world.time.clock()
    declared = Declared(
        name=name, service=f"staging-{name}", port=80, health_path="/healthz", task_definition=task_definition
    )
    run = Check(clients=world.aws, stack="staging", cluster=world.ecs.cluster, now=clock.now, sleep=clock.sleep).run
    run([declared])


def stop_all(world: World) -> None:
    """Let a service's tasks be gone, and its deployment have failed."""
    world.ecs.tasks.clear()
    world.ecs.services["staging-web"].primary[0]["rolloutState"] = "FAILED"


def test_a_service_that_serves_is_left_alone() -> None:
    """The check costs two requests."""
    world = World()
    check(world)
    assert world.aws.asked("UpdateService") == []


def test_a_service_whose_tasks_are_gone_is_deployed_again() -> None:
    """As after an `up` that failed for a reason outside of the stack."""
    world = World()
    running = world.running()
    stop_all(world)
    check(world)
    (asked,) = world.aws.asked("UpdateService")
    assert asked["forceNewDeployment"] is True
    assert world.running() == running


def test_a_service_that_does_not_come_up_fails_with_its_reason() -> None:
    """Once more, not for ever."""
    world = World()
    digest = world.ecs.image(world.ecs.services["staging-web"].definition).partition("@")[2]
    world.ecs.behaviour[digest], world.ecs.rollback_fails = "crash", "stays"
    stop_all(world)
    with pytest.raises(pulumi.RunError, match="service web does not come up"):
        check(world)
    assert len(world.aws.asked("UpdateService")) == 1


def test_a_deployment_under_way_is_waited_for() -> None:
    """It is not replaced."""
    world = World()
    stop_all(world)
    client = world.aws("ecs")
    client.update_service(cluster=world.ecs.cluster, service="staging-web", forceNewDeployment=True)
    check(world)
    assert len(world.aws.asked("UpdateService")) == 1


def test_a_deployment_that_never_ends_is_given_up() -> None:
    """After the provider's own limit."""
    world = World()
    digest = world.ecs.image(world.ecs.services["staging-web"].definition).partition("@")[2]
    world.ecs.behaviour[digest] = "hangs"
    stop_all(world)
    with pytest.raises(pulumi.RunError, match="has not become steady within 20 minutes"):
        check(world)


def roll_back(world: World, status: str) -> str:
    """Let the newest deployment have ended with a status, and return another release that was declared before it."""
    manifest = world.release("c0ffee1")
    declared = world.ecs.register("staging-web", f"x@{manifest.services['web'].digest}", {})
    held = world.ecs.services["staging-web"]
    world.ecs.begin(held, held.definition)
    world.time.sleep(60)
    held.rollouts[-1]["status"] = status
    return declared


def test_where_pulumi_rolls_out_a_release_that_failed_is_tried_again(world: World) -> None:
    """The circuit breaker went back to the one before, which nobody asked for."""
    declared = roll_back(world, "ROLLBACK_SUCCESSFUL")
    check(world, task_definition=declared)
    assert world.running() == declared.rpartition("/")[2]


def test_a_release_that_is_tried_again_takes_its_port_along(world: World) -> None:
    """ECS put the load balancer's port back with the release that it went back to."""
    world.ecs.services["staging-web"].port = 9090
    world.ecs.services["staging-web"].definition = world.ecs.register("staging-web", "x@y", {}, PORT="9090")
    declared = roll_back(world, "ROLLBACK_SUCCESSFUL")
    check(world, task_definition=declared)
    assert world.ecs.services["staging-web"].port == 80


def test_a_release_that_somebody_deployed_by_hand_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a rollback: it is warned of."""
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    declared = roll_back(world, "SUCCESSFUL")
    check(world, task_definition=declared)
    assert world.running() == "staging-web:1"
    assert "runs another release than the one that this stack declares" in warnings[0]


def test_a_service_that_was_scaled_to_zero_is_only_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody did that on purpose."""
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    world = World()
    stop_all(world)
    world.ecs.services["staging-web"].desired = 0
    check(world)
    assert warnings == ["service web is scaled to 0 tasks and serves nothing"]


def test_a_service_that_is_gone_is_named_with_the_remedy() -> None:
    """Pulumi's state has it still."""
    with pytest.raises(pulumi.RunError, match=r"no ECS service staging-api.*run: pulumi refresh -s staging"):
        check(World(), name="api")


def test_a_reason_that_may_not_be_read_is_said_so() -> None:
    """The failure itself is told in any case."""
    world = World()
    digest = world.ecs.image(world.ecs.services["staging-web"].definition).partition("@")[2]
    world.ecs.behaviour[digest], world.ecs.rollback_fails = "crash", "stays"
    stop_all(world)
    world.aws.fail("ListTasks", "AccessDeniedException", 9)
    with pytest.raises(pulumi.RunError, match=r"does not come up\nwhy cannot be read: .*AccessDenied"):
        check(world)
