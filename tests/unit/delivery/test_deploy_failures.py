"""Deploying: each way that a rollout can fail is told with ECS's reason, and what was good serves again."""

from __future__ import annotations

import re

import pytest

from delivery.deploying import deploy
from delivery.errors import DeliveryError
from tests.unit.delivery.scenarios import GOOD, NEXT, deployed, failed
from tests.unit.delivery.world import FIRST, World, digest_of


def test_a_crash_loop_is_put_back_with_the_tasks_exit_code(world: World) -> None:
    """ECS's circuit breaker goes back; that its rollback is the primary deployment and complete is no success."""
    told = failed(world, "circuit breaker", "crash")
    assert "the container ended with exit code 3; it wrote nothing; put back" in told
    deployments = world.ecs.services["staging-web"].primary
    assert [(one["status"], one["rolloutState"]) for one in deployments] == [("PRIMARY", "COMPLETED")]
    assert world.said("failed: web: Service deployment rolled back")
    assert world.said("new tasks run, 2 failed")
    assert not world.said("asked ECS to roll back")


def test_the_task_that_failed_last_is_the_reason_and_not_those_that_ecs_itself_stopped(world: World) -> None:
    """It stops those of a deployment that it ends."""
    reasons = iter(("one", "CannotPullContainerError: gone", "Scaling activity initiated by (deployment 1)"))

    def stop(code: str, definition: str) -> None:
        held = world.ecs.services["staging-web"]
        world.ecs._launch(held, world.arn(definition), "STOPPED", stop=code, reason=next(reasons))

    for code, definition in (
        ("TaskFailedToStart", "staging-web:1"),
        ("TaskFailedToStart", "staging-web:2"),
        ("ServiceSchedulerInitiated", "staging-web:2"),
    ):
        world.time.at(5, lambda code=code, definition=definition: stop(code, definition))  # type: ignore[misc] # its defaults bind the loop's values
    told = failed(world, "circuit breaker", "full")
    assert "unhealthy" not in told
    assert re.search(r"no capacity\. task \w+: the image cannot be pulled \(CannotPullContainerError: gone\); ", told)


def test_a_release_that_never_becomes_healthy_is_put_back(world: World) -> None:
    """By the circuit breaker: without a task that ended by itself, ECS's reason alone is told."""
    assert "Tasks stopped" not in failed(world, "circuit breaker threshold: targets are unhealthy", "never")


@pytest.mark.parametrize("behaviour", ["crash", "hangs"])
def test_a_release_on_another_port_is_put_back_with_the_port_of_before(world: World, behaviour: str) -> None:
    """By ECS, whose service revision holds it, and by an update where ECS does not go back."""
    world.template(PORT="9090")
    world.ecs.services["staging-web"].breaker = behaviour == "crash"
    failed(world, "put back: web serves", behaviour)
    assert world.ecs.services["staging-web"].port == 80


def test_a_failed_release_with_another_version_path_is_put_back_and_proved(world: World) -> None:
    """The good release tells its version at its own path, not at the one of the next."""
    deployed(world)
    recorded = {"version_path": "/web/about", "first_version_path": "/web/version"}
    world.parameters.values["/slipway/staging/services/web"] |= recorded
    with pytest.raises(DeliveryError, match="put back: web serves"):
        deploy.run(world.session, world.release(NEXT, web="crash"))
    assert not world.said("not right yet")
    assert world.lines[-1] == (
        f"web: serves {FIRST} as {digest_of(FIRST)} at {world.environment.url} (proof: digest, health, version)"
    )


def test_without_capacity_for_its_tasks_a_release_is_put_back(world: World) -> None:
    """What ECS says of it is shown as it comes."""
    failed(world, "no capacity", "full")
    assert world.said("web: ECS: (service staging-web) was unable to place a task")


@pytest.mark.usefixtures("patient_polls")
def test_without_a_circuit_breaker_a_rollout_ends_after_fifteen_minutes(world: World) -> None:
    """ECS is asked to roll back, which is waited for."""
    slept = world.time.slept
    failed(world, "web: the rollout is IN_PROGRESS after 15 minutes", "hangs")
    assert 900 < world.time.slept - slept < 960
    (stop,) = world.aws.asked("StopServiceDeployment")
    assert stop["stopType"] == "ROLLBACK"
    assert world.said("web: asked ECS to roll back what was under way")
    assert len(world.aws.asked("UpdateService")) == 1


@pytest.mark.parametrize(("way", "updates"), [("stays", 2), ("empty", 2)])
def test_where_ecs_does_not_get_back_the_good_revision_is_rolled_out(world: World, way: str, updates: int) -> None:
    """Be it still set to the bad one, or to the good one without its tasks."""
    world.ecs.rollback_fails = way
    failed(world, "circuit breaker", "crash")
    asked = world.aws.asked("UpdateService")
    assert len(asked) == updates
    assert asked[-1]["taskDefinition"] == world.arn("staging-web:1")
    assert asked[-1]["forceNewDeployment"] is (way == "empty")


@pytest.mark.usefixtures("patient_polls")
def test_a_rollback_that_ecs_refuses_is_done_by_an_update(world: World) -> None:
    """Such as when no deployment was ever completed."""
    world.aws.fail("StopServiceDeployment", "ConflictException")
    failed(world, "15 minutes", "hangs")
    assert world.said("web: ECS does not roll back (An error occurred (ConflictException)")


@pytest.mark.parametrize("reason", ["stopped by a user", ""])
def test_a_deployment_that_was_stopped_by_hand_is_no_success(world: World, reason: str) -> None:
    """With ECS's reason, or with its status."""

    def stop() -> None:
        row = world.ecs.services["staging-web"].rollouts[-1]
        row |= {"status": "STOPPED"} | ({"statusReason": reason} if reason else {})

    world.time.at(5, stop)
    failed(world, f"web: {reason or 'the service deployment is STOPPED'}")


def test_a_newer_deploy_that_overtakes_is_left_alone(world: World) -> None:
    """Ours has failed, and what serves is the other's."""

    def overtake() -> None:
        world.release(NEXT)
        own = {"IMAGE_DIGEST": digest_of(NEXT), "APP_VERSION": NEXT}
        newer = world.ecs.register("staging-web", f"x@{digest_of(NEXT)}", {"slipway:commit": NEXT}, **own)
        world.ecs.begin(world.ecs.services["staging-web"], newer)

    world.time.at(5, overtake)
    with pytest.raises(DeliveryError, match=r"a newer deployment has taken over.*put back: web is left to a newer"):
        deploy.run(world.session, world.release(GOOD))
    assert world.running() == "staging-web:3"
    assert "slipway:result" not in world.tags("staging-web:2")
    assert len(world.aws.asked("UpdateService")) == 1


@pytest.mark.parametrize("operation", ["UpdateService", "DescribeServiceDeployments", "ListServiceDeployments"])
def test_a_throttled_call_ends_a_deploy_only_with_everything_put_back(world: World, operation: str) -> None:
    """Botocore has tried again often enough by then."""
    release = world.release(GOOD)
    world.aws.hooks["RegisterTaskDefinition"] = lambda: world.aws.fail(operation, "ThrottlingException")
    with pytest.raises(DeliveryError, match=rf"ThrottlingException.*{operation}.*put back: web serves staging-web:1"):
        deploy.run(world.session, release)
    assert world.running() == "staging-web:1"


def test_an_accepted_update_may_stay_unlisted_for_a_while(world: World) -> None:
    """Half a minute is waited for."""
    world.ecs.listed = 30
    deploy.run(world.session, world.release(GOOD))
    assert world.running() == "staging-web:2"


def test_an_update_that_is_listed_nowhere_is_put_back(world: World) -> None:
    """After a minute; nothing could be followed."""
    world.ecs.listed = 9999
    slept = world.time.slept
    with pytest.raises(
        DeliveryError, match=r"putting back failed: .*lists no service deployment for it after 60 s; look at"
    ):
        deploy.run(world.session, world.release(GOOD))
    assert 120 <= world.time.slept - slept < 130


def test_another_deployment_that_begins_at_the_same_moment_is_not_followed(world: World) -> None:
    """What is followed is the one that brings our revision."""

    def another() -> None:
        held = world.ecs.services["staging-web"]
        row = world.ecs.begin(held, world.arn("staging-web:1"))
        row["status"] = "SUCCESSFUL"

    session, release = world.session, world.release(GOOD, web="crash")
    world.aws.hooks["UpdateService"] = another
    with pytest.raises(DeliveryError, match=r"circuit breaker"):
        deploy.run(session, release)
    assert world.running() == "staging-web:1"


def test_where_one_of_several_services_fails_all_are_put_back(two: World) -> None:
    """Also the one that had succeeded: what was tested together serves together."""
    with pytest.raises(DeliveryError, match=r"web: .*circuit breaker.*put back: api serves .*:1.*, web serves .*:1"):
        deploy.run(two.session, two.release(GOOD, web="crash"))
    assert (two.running("api"), two.running("web")) == ("staging-api:1", "staging-web:1")
    for revision in ("staging-api:2", "staging-web:2"):
        assert two.tags(revision)["slipway:result"].startswith("failed")


def test_a_reason_that_may_not_be_read_keeps_nothing_from_being_put_back(world: World) -> None:
    """ECS's own reason is told."""
    world.when_said["has begun"] = lambda: world.aws.fail("DescribeTasks", "AccessDeniedException")
    assert "circuit breaker" in failed(world, "circuit breaker", "crash")
    assert world.said("why its tasks do not come up cannot be read")
    assert world.running() == "staging-web:1"
