"""The logs of services and of builds, whole or followed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from delivery.errors import DeliveryError
from delivery.operator import logs
from tests.unit.delivery.aws import START

if TYPE_CHECKING:
    from tests.unit.delivery.world import World

GOOD, NEXT = "a" * 40, "b" * 40
RUN, OLD = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"


CLOCK = f"{datetime.fromtimestamp(START, UTC).astimezone():%H:%M:%S}"


def running(piped: World, status: str = "InProgress") -> None:
    """Let an execution run, beside an older one."""
    piped.pipeline.execution(OLD, "Succeeded", GOOD)
    piped.pipeline.execution(RUN, status, NEXT)


def logged(two: World, stack_time: int = int(START * 1000)) -> None:
    """Let both services write."""
    for name in two.names:
        held = two.ecs.revisions[two.arn(f"staging-{name}:1")]["containerDefinitions"][1]
        held["logConfiguration"] = {"logDriver": "awslogs", "options": {"awslogs-group": f"/{name}"}}
        two.logs.write(
            f"/{name}", f"app/app/{name}0123456789", stack_time, f"{name} one\n", f"{name} two", f"{name} three"
        )


def test_the_logs_of_services_are_shown_by_time(two: World, capsys: pytest.CaptureFixture[str]) -> None:
    """With service and task; of one service alone where asked."""
    logged(two)
    two.logs.write("/api", "app/app/api0123456789", int(START * 1000) + 5, "api last")
    logs.of_services(two.session, "", 10**9, follow=False)
    assert capsys.readouterr().out.splitlines() == [
        f"{CLOCK} {text}"
        for text in ("api api01234 api one", "api api01234 api two", "api api01234 api three", "web web01234 web one",
        "web web01234 web two", "web web01234 web three", "api api01234 api last")
    ]  # fmt: skip
    logs.of_services(two.session, "web", 10**9, follow=False)
    assert [line[9:12] for line in capsys.readouterr().out.splitlines()] == ["web"] * 3
    with pytest.raises(DeliveryError, match=r"stack staging has no service 'worker'; it has: api, web"):
        logs.of_services(two.session, "worker", 600, follow=False)


def test_following_logs_shows_each_line_once_until_it_is_interrupted(
    two: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """New ones as they come."""
    logged(two)

    def stop() -> None:
        raise KeyboardInterrupt

    two.time.at(5, lambda: two.logs.write("/web", "app/app/web0123456789", int(START * 1000) + 5, "web four"))
    two.time.at(20, stop)
    with pytest.raises(KeyboardInterrupt):
        logs.of_services(two.session, "web", 10**9, follow=True)
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["one", "two", "three", "four"]


def test_a_stack_that_is_half_up_has_logs(two: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Its services have recorded nothing yet."""
    logged(two)
    for name in two.names:
        del two.parameters.values[f"/slipway/staging/services/{name}"]
    logs.of_services(two.session, "web", 10**9, follow=False)
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_the_logs_of_one_task_are_shown(two: World, capsys: pytest.CaptureFixture[str]) -> None:
    """By the first characters of its ID."""
    logged(two)
    two.logs.write("/web", "app/app/other", int(START * 1000), "not this one")
    logs.of_services(two.session, "web", 10**9, task="web0", follow=False)
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["one", "two", "three"]


def test_only_what_is_new_enough_is_shown(two: World, capsys: pytest.CaptureFixture[str]) -> None:
    """By this machine's clock."""
    logged(two, 1000)
    logs.of_services(two.session, "", 600, follow=False)
    assert capsys.readouterr().out == ""


def test_a_service_without_a_log_group_is_named(world: World) -> None:
    """Its tasks write elsewhere."""
    with pytest.raises(DeliveryError, match=r"staging-web:1 of web writes no logs to CloudWatch"):
        logs.of_services(world.session, "", 600, follow=False)


@pytest.mark.parametrize(
    ("action", "execution", "build"), [("Build", "", "new"), ("build/build", "", "new"), ("Build", OLD[:5], "old")]
)
def test_the_log_of_a_build_is_shown_whole(
    piped: World, capsys: pytest.CaptureFixture[str], action: str, execution: str, build: str
) -> None:
    """Of the newest execution that ran the action, or of the one that is named."""
    built(piped)
    logs.of_build(piped.session, action, execution, follow=False)
    told = capsys.readouterr().out.splitlines()
    assert told == [f"project:{build} (g project:{build})", *(f"project:{build} {number}" for number in range(5))]


def test_a_build_is_followed_to_its_end(piped: World, capsys: pytest.CaptureFixture[str]) -> None:
    """What it writes last is shown, too; without being asked, the log so far."""
    built(piped, "IN_PROGRESS")
    logs.of_build(piped.session, "Build", "", follow=False)
    assert capsys.readouterr().out.count("\n") == 6

    def end() -> None:
        piped.builds.status["project:new"] = "SUCCEEDED"
        piped.logs.write("g", "project:new", 2, "the end")

    piped.time.at(9, end)
    logs.of_build(piped.session, "Build", "", follow=True)
    assert capsys.readouterr().out.splitlines()[-2:] == ["project:new 4", "the end"]


@pytest.mark.parametrize("action", ["Nothing", "Staging/Build"])
def test_an_action_that_ran_no_build_has_no_log(piped: World, action: str) -> None:
    """Nor one of another stage."""
    built(piped)
    with pytest.raises(DeliveryError, match=rf"no build of action '{action}' is found in pipeline slipway"):
        logs.of_build(piped.session, action, "", follow=False)


def test_a_build_without_a_log_is_named(piped: World) -> None:
    """It may come."""
    built(piped)
    piped.builds.logs.clear()
    with pytest.raises(DeliveryError, match=r"build project:new has no log \(yet\)"):
        logs.of_build(piped.session, "Build", "", follow=False)


def built(piped: World, status: str = "SUCCEEDED") -> None:
    """Let an action of both executions have run a build."""
    running(piped)
    for identity, execution in (("project:old", OLD), ("project:new", RUN)):
        piped.pipeline.run(execution, "Build", "Build", "Succeeded", executionResult={"externalExecutionId": identity})
        piped.builds.status[identity] = status
        piped.builds.logs[identity] = {"groupName": "g", "streamName": identity}
        piped.logs.write("g", identity, 1, *[f"{identity} {number}\n" for number in range(5)])
