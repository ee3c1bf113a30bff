"""Rolling back, with the pipeline held back meanwhile, and letting it release again."""

from __future__ import annotations

import pytest

from delivery.errors import DeliveryError, InterruptedDeliveryError
from tests.unit.delivery.scenarios import BAD, ONE, TWO, released, roll_back
from tests.unit.delivery.world import FIRST, World, digest_of


def test_the_good_release_before_serves_again(piped: World) -> None:
    """The bad one is noted; the way into the pipeline's stage is closed before anything is deployed."""
    released(piped, ONE, TWO)
    roll_back(piped)
    assert piped.running() == "staging-web:2"
    assert piped.tags("staging-web:3")["slipway:result"].startswith("rolled back")
    assert piped.tags("staging-web:2")["slipway:result"].startswith("passed")
    names = [name for name, _ in piped.aws.calls]
    assert names.index("DisableStageTransition") < names.index("UpdateService")
    (closed,) = piped.aws.asked("DisableStageTransition")
    assert (closed["stageName"], closed["transitionType"]) == ("Production", "Inbound")
    assert closed["reason"].startswith(f"{TWO} rolled back to {ONE} by ")
    assert closed["reason"].endswith("UTC. Go on with delivery resume")
    assert piped.lines[-2:] == [
        f"staging serves {ONE} again",
        "pipeline slipway releases nothing to it until: delivery resume --stack staging",
    ]


def test_without_a_pipeline_nothing_is_closed(world: World) -> None:
    """And nothing is said of one."""
    released(world, ONE, TWO)
    roll_back(world)
    assert world.running() == "staging-web:2"
    assert not world.aws.asked("DisableStageTransition")
    assert world.lines[-1] == f"staging serves {ONE} again"


def test_after_all_releases_comes_the_first_revision(world: World) -> None:
    """Which no release made; its version is told as what serves."""
    released(world, ONE, BAD)
    roll_back(world)
    roll_back(world)
    assert world.running() == "staging-web:1"
    assert world.lines[-1] == f"staging serves {FIRST} again"
    with pytest.raises(DeliveryError, match=rf"no good release before {FIRST} to go back to; see: delivery history"):
        roll_back(world)


def test_an_older_release_is_named_by_the_beginning_of_its_commit(world: World) -> None:
    """Also a newer one, once it has passed."""
    released(world, ONE, TWO, BAD)
    roll_back(world, "1111111")
    assert world.running() == "staging-web:2"
    roll_back(world, TWO)
    assert world.running() == "staging-web:3"


def test_a_release_that_never_passed_is_none_to_go_back_to(world: World) -> None:
    """It is said why, and another one is looked for."""
    released(world, ONE, BAD, TWO)
    with pytest.raises(DeliveryError, match=rf"no good release of commit {BAD} to go back to"):
        roll_back(world, BAD)
    assert world.said(f"web: staging-web:3 ({BAD}) is skipped: it never passed, or was put back")
    assert world.running() == "staging-web:4"
    roll_back(world)
    assert world.running() == "staging-web:2"


def test_a_release_whose_image_is_gone_is_skipped(world: World) -> None:
    """The lifecycle of the repository may have removed it."""
    released(world, ONE, TWO, BAD)
    del world.registry.images["slipway/web"][digest_of(TWO)]
    roll_back(world)
    assert world.running() == "staging-web:2"
    assert world.said(f"is skipped: the image {digest_of(TWO)} of web is gone")


def test_a_rollback_that_fails_serves_what_served_before_however_bad(world: World) -> None:
    """It came up, at least."""
    released(world, ONE, BAD)
    world.ecs.behaviour[digest_of(ONE)] = "crash"
    with pytest.raises(DeliveryError, match=r"circuit breaker.*put back: web serves staging-web:3"):
        roll_back(world)
    assert world.running() == "staging-web:3"


@pytest.mark.usefixtures("patient_polls")
def test_what_never_came_up_is_not_what_a_failed_rollback_goes_back_to(world: World) -> None:
    """ECS alone goes back to it, and that it does not serve is told."""
    released(world, ONE)
    world.ecs.behaviour[digest_of(BAD)] = "hangs"
    bad = world.ecs.register("staging-web", f"x@{digest_of(BAD)}", {"slipway:commit": BAD})
    world.ecs.begin(world.ecs.services["staging-web"], bad)
    world.time.sleep(5)
    world.ecs.behaviour[digest_of(ONE)] = "hangs"
    with pytest.raises(DeliveryError, match=r"putting back failed: web: 0 of 2 tasks are healthy targets"):
        roll_back(world)
    assert {asked["taskDefinition"] for asked in world.aws.asked("UpdateService")} == {world.arn("staging-web:2")}


def test_an_interrupted_rollback_is_to_be_run_again(world: World) -> None:
    """The same command finishes it."""
    released(world, ONE, TWO)

    def stop() -> None:
        raise KeyboardInterrupt

    world.aws.hooks["DescribeServiceDeployments"] = stop
    with pytest.raises(InterruptedDeliveryError, match=r"run it again: delivery rollback --stack staging"):
        roll_back(world)
    assert world.running() == "staging-web:2"


def test_all_services_go_back_together(two: World) -> None:
    """To one release."""
    released(two, ONE, TWO)
    roll_back(two)
    assert (two.running("api"), two.running("web")) == ("staging-api:2", "staging-web:2")
    assert all(two.tags(f"staging-{name}:3")["slipway:result"].startswith("rolled back") for name in ("api", "web"))
