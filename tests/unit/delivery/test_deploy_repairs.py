"""Deploying: what was killed, interrupted or never accepted, and what is good to go back to."""

from __future__ import annotations

import pytest

from contract import limits
from contract.pipeline import Project
from delivery.deploying import deploy, rollout
from delivery.errors import DeliveryError, InterruptedDeliveryError
from infra.pipeline.steps import FOR_PRODUCTION, STEPS
from tests.unit.delivery.world import FIRST, World, digest_of

GOOD, NEXT = "a" * 40, "b" * 40


class Killed(BaseException):
    """The process ends without a word."""


def kill(world: World, operation: str, error: type[BaseException] = Killed) -> None:
    """Let the process end when it asks this next."""

    def end() -> None:
        raise error

    world.aws.hooks[operation] = end


def test_a_deploy_that_was_killed_is_repaired_by_the_next(world: World) -> None:
    """What it left is waited for, and is nothing to go back to, since nobody accepted it."""
    kill(world, "DescribeServiceDeployments")
    with pytest.raises(Killed):
        deploy.run(world.session, world.release(GOOD, web="hangs"))
    assert world.running() == "staging-web:2"
    deploy.run(world.session, world.release(NEXT))
    assert world.running() == "staging-web:3"
    assert world.said(f"web: staging-web:2 ({GOOD}) was never accepted; if this fails, it is put back to staging-web:1")
    assert world.tags("staging-web:3")["slipway:replaces"] == world.arn("staging-web:1")


def test_a_deploy_that_was_killed_between_services_is_repaired_with_all_of_them(two: World) -> None:
    """The one that it had reached is not good until it has passed: it is rolled out again and put back, too."""
    release = two.release(GOOD)
    kill(two, "DescribeServiceDeployments")
    with pytest.raises(Killed):
        deploy.run(two.session, release)
    two.time.sleep(60)
    two.ecs.roll_back(two.ecs.services["staging-web"], two.ecs.services["staging-web"].rollouts[-1], "by hand")
    two.time.sleep(60)
    assert (two.running("api"), two.running("web")) == ("staging-api:2", "staging-web:1")
    two.ecs.behaviour[digest_of(GOOD)] = "crash"
    with pytest.raises(DeliveryError, match=r"web: .*put back: web serves staging-web:1.*, api serves staging-api:1"):
        deploy.run(two.session, release)
    assert (two.running("api"), two.running("web")) == ("staging-api:1", "staging-web:1")


def test_a_service_that_is_current_and_good_is_left_as_it_is(two: World) -> None:
    """Only the other one is rolled out."""
    release = two.release(GOOD)
    deploy.run(two.session, release)
    two.passed("api")
    two.passed("web")
    two.template("web", GREETING="hello")
    deploy.run(two.session, release)
    assert (two.running("api"), two.running("web")) == ("staging-api:2", "staging-web:3")


def test_an_interrupted_deploy_says_what_it_leaves_and_both_ways_on(world: World) -> None:
    """ECS goes on; nothing is put back, which would take minutes."""
    release = world.release(GOOD)
    kill(world, "DescribeServiceDeployments", KeyboardInterrupt)
    with pytest.raises(InterruptedDeliveryError) as stopped:
        deploy.run(world.session, release)
    assert str(stopped.value) == (
        "interrupted: ECS goes on by itself (web to staging-web:2), and goes back by itself if the tasks fail; "
        f"finish it: delivery deploy --stack staging --commit {GOOD}, or go back: delivery rollback --stack staging"
    )
    assert world.running() == "staging-web:2"


def test_an_interruption_while_things_are_put_back_says_the_same(world: World) -> None:
    """It is the same environment that is left half-way."""
    kill(world, "ListTasks", KeyboardInterrupt)
    with pytest.raises(InterruptedDeliveryError, match=r"web to staging-web:2"):
        deploy.run(world.session, world.release(GOOD, web="crash"))


def test_what_was_never_accepted_is_not_what_a_failure_goes_back_to(world: World) -> None:
    """It served well, but nobody says that it is right; ECS alone would go back to it."""
    deploy.run(world.session, world.release(GOOD))
    with pytest.raises(DeliveryError, match=rf"put back: web serves staging-web:1 \({FIRST}\)"):
        deploy.run(world.session, world.release(NEXT, web="crash"))
    assert world.running() == "staging-web:1"
    assert world.tags("staging-web:3")["slipway:result"].startswith("failed")


def test_what_was_accepted_is_what_a_failure_goes_back_to(world: World) -> None:
    """Nothing is said of it beforehand, since it is what runs."""
    deploy.run(world.session, world.release(GOOD))
    world.passed()
    world.lines.clear()
    with pytest.raises(DeliveryError, match=rf"put back: web serves staging-web:2 \({GOOD}\)"):
        deploy.run(world.session, world.release(NEXT, web="crash"))
    assert world.running() == "staging-web:2"
    assert not world.said("never accepted")
    assert world.tags("staging-web:2")["slipway:result"].startswith("passed")


def without_good(world: World) -> None:
    """Let the only revision of the family be one that a release made and nobody accepted."""
    world.ecs.tags[world.arn("staging-web:1")] |= {"slipway:commit": "c" * 40}


def test_without_a_good_revision_ecs_alone_goes_back(world: World) -> None:
    """That is said before; what it went back to is proved to serve."""
    without_good(world)
    with pytest.raises(DeliveryError, match=r"circuit breaker.*; put back: $"):
        deploy.run(world.session, world.release(GOOD, web="crash"))
    assert world.said("web: there is no good revision to put it back to if this fails")
    assert world.running() == "staging-web:1"
    assert "slipway:replaces" not in world.tags("staging-web:2")


def test_without_a_good_revision_what_ecs_leaves_as_it_is_stays(world: World) -> None:
    """With both commands that help."""
    without_good(world)
    world.ecs.rollback_fails = "stays"
    told = (
        r"putting back failed: web has no good revision to go back to and stays at staging-web:2 \(a{40}\); "
        "look at: delivery logs --stack staging, then repair: delivery rollback --stack staging"
    )
    with pytest.raises(DeliveryError, match=told):
        deploy.run(world.session, world.release(GOOD, web="crash"))


def test_one_service_that_cannot_be_put_back_keeps_none_of_the_others_from_it(two: World) -> None:
    """The failure is told when all that can be put back is."""
    two.ecs.behaviour[digest_of(FIRST, "api")] = "crash"
    two.balancer.lies[digest_of(GOOD, "web")] = "no"
    with pytest.raises(DeliveryError, match=r"putting back failed: api: .*circuit breaker"):
        deploy.run(two.session, two.release(GOOD))
    assert two.running("web") == "staging-web:1"


@pytest.mark.usefixtures("patient_polls")
def test_going_back_is_given_six_minutes(world: World) -> None:
    """The step of the pipeline has an hour for everything."""
    world.ecs.behaviour[digest_of(FIRST)] = "hangs"
    world.balancer.lies[digest_of(GOOD)] = '{"commit": "another", "digest": "another"}'
    slept = world.time.slept
    with pytest.raises(DeliveryError, match=r"putting back failed: web: the rollout is IN_PROGRESS after 11 minutes"):
        deploy.run(world.session, world.release(GOOD))
    assert limits.BACK_SECONDS < world.time.slept - slept < limits.BACK_SECONDS + 70


def test_the_way_there_and_the_way_back_fit_into_the_hour_of_the_step() -> None:
    """Waiting for others, the rollout, ECS's way back, ours, and a forced one, with their proofs; and the suites."""
    longest = 2 * 120 + rollout.ROLLOUT_SECONDS + 3 * rollout.BACK_SECONDS + 3 * limits.PROOF_SECONDS
    assert limits.deploy_seconds() == longest
    hour = limits.STEP_MINUTES * 60
    assert limits.INSTALL_SECONDS + longest < hour
    assert limits.INSTALL_SECONDS + limits.SUITES_SECONDS + limits.put_back_seconds() < hour
    for key in (*FOR_PRODUCTION, Project.STAGING_DEPLOY, Project.STAGING_ACCEPTANCE):
        assert STEPS[key].minutes == limits.STEP_MINUTES


def test_nothing_is_put_back_twice(world: World) -> None:
    """Where ECS went back to the good revision, delivery updates nothing."""
    with pytest.raises(DeliveryError):
        deploy.run(world.session, world.release(GOOD, web="crash"))
    assert len(world.aws.asked("UpdateService")) == 1
    assert not world.aws.asked("StopServiceDeployment")
