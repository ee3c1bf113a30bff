"""Restarting: the same release by new tasks, which read their secrets anew."""

from __future__ import annotations

import pytest

from delivery.deploying import restart
from delivery.errors import DeliveryError, InterruptedDeliveryError
from tests.unit.delivery.scenarios import deployed
from tests.unit.delivery.test_deploy_repairs import kill
from tests.unit.delivery.world import FIRST, World, digest_of


def running(world: World, name: str = "web") -> set[str]:
    """Return the running tasks of a service."""
    return {one.name for one in world.ecs.tasks if one.status == "RUNNING" and one.service == f"staging-{name}"}


def test_all_tasks_are_replaced_by_tasks_of_the_same_release(two: World) -> None:
    """Nothing is registered, and what is served is proved."""
    before = {name: running(two, name) for name in two.names}
    restart.run(two.session, "")
    assert (two.running("api"), two.running("web")) == ("staging-api:1", "staging-web:1")
    for name in two.names:
        assert running(two, name)
        assert not running(two, name) & before[name]
    assert {asked["forceNewDeployment"] for asked in two.aws.asked("UpdateService")} == {True}
    assert not two.aws.asked("RegisterTaskDefinition")
    assert two.said("web: serves ")
    assert two.lines[-1] == "staging: the tasks of api, web are new"


def test_one_service_is_replaced_where_it_is_named(two: World) -> None:
    """The other one's tasks stay."""
    before = running(two, "api")
    restart.run(two.session, "web")
    assert running(two, "api") == before
    assert [asked["service"] for asked in two.aws.asked("UpdateService")] == ["staging-web"]


def test_a_service_that_is_not_there_is_refused(two: World) -> None:
    """With those that are."""
    with pytest.raises(DeliveryError, match="stack staging has no service 'site'; it has api, web"):
        restart.run(two.session, "site")
    assert not two.aws.asked("UpdateService")


def test_a_restart_beside_a_deployment_is_refused(world: World) -> None:
    """It would take that deployment over, which somebody follows."""
    world.ecs.behaviour[digest_of(FIRST)] = "hangs"
    world.ecs.begin(world.ecs.services["staging-web"], world.arn("staging-web:1"))
    world.time.sleep(5)
    with pytest.raises(DeliveryError, match=r"web: a service deployment of .* is IN_PROGRESS; wait until it is over"):
        restart.run(world.session, "")
    assert not world.aws.asked("UpdateService")


def test_a_service_without_tasks_is_refused(world: World) -> None:
    """Nothing could be proved."""
    world.ecs.services["staging-web"].desired = 0
    with pytest.raises(DeliveryError, match="service web is scaled to 0 tasks"):
        restart.run(world.session, "")


def test_tasks_that_do_not_come_up_are_told_and_the_old_ones_stay(world: World) -> None:
    """Such as where the rotated secret cannot be read."""
    before = running(world)
    world.ecs.behaviour[digest_of(FIRST)] = "crash"
    with pytest.raises(DeliveryError, match=r"^web: "):
        restart.run(world.session, "")
    assert running(world) == before
    assert world.running() == "staging-web:1"


def test_the_release_stays_good(world: World) -> None:
    """What restarted is no other release: it can be gone back to, and be put back to."""
    deployed(world)
    world.passed("web")
    restart.run(world.session, "web")
    assert world.running() == "staging-web:2"
    assert world.tags("staging-web:2")["slipway:result"].startswith("passed")


def test_an_interrupted_restart_says_that_ecs_goes_on(world: World) -> None:
    """And where to see it."""
    kill(world, "DescribeServiceDeployments", KeyboardInterrupt)
    with pytest.raises(InterruptedDeliveryError, match=r"ECS goes on by itself.*: delivery status --stack staging"):
        restart.run(world.session, "")
