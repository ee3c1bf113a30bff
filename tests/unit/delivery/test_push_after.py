"""A build beside the tests of its commit: pushed once these have passed, and never if they have not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from delivery.errors import DeliveryError
from delivery.release.push_after import PushAfter
from tests.unit.delivery.application import COMMIT, Place, give_packages
from tests.unit.delivery.pipelines import NAME

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.delivery.docker import Docker
    from tests.unit.delivery.world import World

RUN, BUILD = "run-1", "slipway-test:1"


@pytest.fixture
def place(piped: World, tmp_path: Path, docker: Docker) -> Place:
    """A repository; what Docker pushes is in the registry then."""
    give_packages(docker)
    piped.registry.pushed = lambda: [call.rpartition(":")[2] for call in docker.calls("push")]
    piped.pipeline.execution(RUN, commit=COMMIT)
    return Place(piped, tmp_path)


def after_tests(world: World) -> PushAfter:
    """Return what waits for the action Test."""
    return PushAfter(
        clients=world.aws, pipeline=NAME, execution=RUN, action="Test", say=world.say, clock=world.time.clock()
    )


def test_it_pushes_at_once_when_the_tests_have_passed(piped: World) -> None:
    """Without a word."""
    piped.pipeline.run(RUN, "Build", "Test", "Succeeded")
    piped.pipeline.run(RUN, "Build", "Build", "InProgress")
    after_tests(piped).wait()
    assert not piped.said("waiting")


def test_it_waits_for_tests_that_run_or_are_still_to_begin(piped: World) -> None:
    """And says so, once."""
    piped.pipeline.run(RUN, "Build", "Build", "InProgress")
    piped.time.at(100, lambda: piped.pipeline.run(RUN, "Build", "Test", "InProgress"))
    piped.time.at(900, lambda: piped.pipeline.run(RUN, "Build", "Test", "Succeeded"))
    began = piped.time.now
    after_tests(piped).wait()
    assert piped.time.now - began >= 900
    assert [line for line in piped.lines if "waiting" in line] == [
        "waiting for Test, which has to succeed before an image is pushed"
    ]


@pytest.mark.parametrize("status", ["Failed", "Abandoned"])
def test_it_pushes_nothing_when_the_tests_fail(piped: World, place: Place, docker: Docker, status: str) -> None:
    """The image is built and tried by then, and does not stay on the machine."""
    piped.pipeline.run(RUN, "Build", "Build", "InProgress")
    piped.pipeline.run(RUN, "Build", "Test", status)
    with pytest.raises(DeliveryError, match=f"Test of this execution is {status}, so the image is not pushed"):
        place.build(push_after=after_tests(piped))
    assert place.tests()
    assert not docker.calls("push")
    assert docker.calls("rmi")


def test_it_does_not_take_the_tests_of_an_earlier_try_for_its_own(piped: World) -> None:
    """A retry runs both again, and CodePipeline may list the build first."""
    piped.pipeline.run(RUN, "Build", "Test", "Failed")
    piped.time.sleep(60)
    piped.pipeline.run(RUN, "Build", "Build", "InProgress")
    piped.time.at(30, lambda: piped.pipeline.run(RUN, "Build", "Test", "Succeeded"))
    after_tests(piped).wait()


def test_tests_that_are_queued_behind_it_are_named_and_not_waited_for(piped: World) -> None:
    """Else both would wait until the time limit, in a new account, which runs one build at a time."""
    piped.pipeline.run(RUN, "Build", "Build", "InProgress")
    piped.pipeline.run(RUN, "Build", "Test", "InProgress", executionResult={"externalExecutionId": BUILD})
    piped.builds.status[BUILD] = "IN_PROGRESS"
    piped.builds.phases[BUILD] = "QUEUED"
    began = piped.time.now
    with pytest.raises(DeliveryError, match="is still queued: this account runs one build at a time"):
        after_tests(piped).wait()
    assert 300 < piped.time.now - began < 310
