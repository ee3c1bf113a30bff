"""The diagnosis of a service in a fake AWS."""

from __future__ import annotations

import diagnosis
from diagnosis import tasks
from tests.unit.delivery.world import World


def found(world: World, task_definition: str = "") -> str:
    """Return the diagnosis of the service as text, empty if there is none."""
    result = diagnosis.of_service(
        world.aws,
        cluster=world.ecs.cluster,
        service="staging-web",
        container="app",
        port=8080,
        health_path="/healthz",
        task_definition=task_definition,
    )
    return str(result or "")


def stop(world: World, reason: str, code: int | None = 1) -> str:
    """Let a task stop; returns its ID."""
    task = world.ecs.tasks[0]
    containers = world.ecs.revisions[task.definition]["containerDefinitions"]
    options = {"awslogs-group": "/web", "awslogs-stream-prefix": "app"}
    containers[1]["logConfiguration"] = {"logDriver": "awslogs", "options": options}
    task.status, task.stop, task.reason, task.code = "STOPPED", "EssentialContainerExited", reason, code
    return task.name.rpartition("/")[2]


def test_a_task_that_ended_is_shown_with_its_last_lines() -> None:
    """They are read from its own log stream."""
    world = World()
    task = stop(world, "Essential container in task exited")
    world.logs.write("/web", f"app/app/{task}", 1, "starting\n", "OSError: Read-only file system: '/x/y'")
    assert found(world).splitlines() == [
        f"task {task[:8]}: its last lines:",
        "  starting",
        "  OSError: Read-only file system: '/x/y'",
        f"task {task[:8]}: '/x/y' is on a read-only file system; let it write to /tmp, or add /x to writable of the "
        "service, if the image has nothing there that it needs, or set read_only: false",
    ]


def test_a_service_that_is_well_has_no_diagnosis() -> None:
    """Neither has one whose tasks were replaced by a deployment."""
    world = World()
    assert found(world) == ""
    stop(world, "Scaling activity initiated by (deployment ecs-svc/1)", 143)
    assert found(world) == ""


def test_only_tasks_of_the_release_in_question_are_looked_at() -> None:
    """An older failure is another story."""
    world = World()
    stop(world, "Essential container in task exited")
    assert found(world, "arn:other") == ""


def test_a_target_that_is_unhealthy_is_a_reason_while_no_task_has_stopped() -> None:
    """Such as within the grace period."""
    world = World()
    world.balancer.unhealthy = {task.address for task in world.ecs.tasks}
    assert found(world).startswith("its tasks: ")


def test_a_log_that_may_not_be_read_is_said_so() -> None:
    """The deploy step of the pipeline reads no logs."""
    world = World()
    stop(world, "Essential container in task exited")
    world.aws.fail("GetLogEvents", "AccessDeniedException")
    assert "read it with: delivery logs" in found(world)


def test_of_several_tasks_the_one_that_failed_last_is_shown() -> None:
    """Whatever the order in which ECS lists them."""

    class Ecs:
        """Two tasks that failed."""

        def list_tasks(self, **_: str) -> dict[str, list[str]]:
            """Return them."""
            return {"taskArns": ["a", "b", "c"]}

        def describe_tasks(self, **_: object) -> dict[str, list[dict[str, object]]]:
            """Return when and why they stopped."""
            times = {"a": "2026-01-01 10:00", "b": "2026-01-01 12:00", "c": "2026-01-01 11:00"}
            shown = {"taskDefinitionArn": "d", "stoppedReason": "Essential container in task exited", "containers": []}
            return {"tasks": [{"taskArn": name, "stoppedAt": when, **shown} for name, when in times.items()]}

    found = tasks.last_failed(Ecs(), "cluster", "service", "")
    assert found is not None
    assert found["taskArn"] == "b"
