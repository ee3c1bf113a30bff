"""Rolling back: the pipeline is held, what deploys is stopped, and resume lets it go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from delivery.deploying import pipeline_hold
from delivery.errors import DeliveryError
from tests.unit.delivery.scenarios import BAD, ONE, RUN, TWO, released, roll_back

if TYPE_CHECKING:
    from tests.unit.delivery.world import World


def test_while_the_pipeline_deploys_here_nothing_is_rolled_back(piped: World) -> None:
    """The way is closed by then; both ways on are told."""
    released(piped, ONE, TWO)
    piped.pipeline.execution(RUN)
    piped.pipeline.run(RUN, "Production", "Deploy", "InProgress")
    told = rf"execution {RUN} is under way in stage Production of pipeline slipway.*--follow.*--stop-execution"
    with pytest.raises(DeliveryError, match=told):
        roll_back(piped)
    assert "Production" in piped.pipeline.closed
    assert not piped.aws.asked("UpdateService")
    assert not piped.aws.asked("StopPipelineExecution")


def deploying(piped: World) -> None:
    """Let an execution deploy to Production, by a build."""
    piped.pipeline.execution(RUN)
    output = {"executionResult": {"externalExecutionId": "project:build"}}
    piped.pipeline.run(RUN, "Staging", "Deploy", "InProgress", executionResult={"externalExecutionId": "project:old"})
    piped.pipeline.run(RUN, "Production", "Deploy", "InProgress", **output)
    piped.builds.status["project:build"] = "IN_PROGRESS"


def test_an_execution_that_deploys_is_stopped_with_its_build_where_asked(piped: World) -> None:
    """An abandoned action's build goes on else; its end is waited for before anything is chosen."""
    released(piped, ONE, TWO)
    deploying(piped)
    piped.ecs.tags[piped.arn("staging-web:3")].pop("slipway:result")
    before: list[str] = []
    piped.aws.hooks["UpdateService"] = lambda: before.append(piped.builds.status["project:build"])
    roll_back(piped, stop=True)
    assert before == ["STOPPED"]
    (stopped,) = piped.aws.asked("StopPipelineExecution")
    assert (stopped["pipelineExecutionId"], stopped["abandon"]) == (RUN, True)
    assert [asked["id"] for asked in piped.aws.asked("StopBuild")] == ["project:build"]
    assert piped.said(f"execution {RUN} is stopped")
    assert piped.running() == "staging-web:2"
    assert f"{TWO} rolled back to what was good before" in piped.pipeline.closed["Production"]


def test_an_execution_that_had_deployed_nothing_is_only_stopped(piped: World) -> None:
    """What is good serves: one release too many would be gone back else."""
    released(piped, ONE, TWO)
    deploying(piped)
    roll_back(piped, stop=True)
    assert piped.running() == "staging-web:3"
    assert piped.said(f"execution {RUN} had deployed nothing yet: staging serves what was good before")
    assert not piped.aws.asked("UpdateService")


def test_a_commit_that_is_asked_for_is_gone_back_to_all_the_same(piped: World) -> None:
    """Whatever the execution had done."""
    released(piped, ONE, TWO)
    deploying(piped)
    roll_back(piped, ONE, stop=True)
    assert piped.running() == "staging-web:2"
    assert f"{TWO} rolled back to {ONE}" in piped.pipeline.closed["Production"]


def test_an_execution_that_does_not_stop_ends_the_rollback_after_a_minute(piped: World) -> None:
    """Nothing is deployed against it."""
    released(piped, ONE, TWO)
    deploying(piped)
    piped.pipeline.stops = False
    slept = piped.time.slept
    with pytest.raises(DeliveryError, match=rf"execution {RUN} has not stopped after 60 s; run it again"):
        roll_back(piped, stop=True)
    assert 60 <= piped.time.slept - slept <= 63
    assert not piped.aws.asked("UpdateService")


def test_where_nothing_is_under_way_nothing_is_stopped(piped: World) -> None:
    """--stop-execution is then as without it."""
    released(piped, ONE, BAD)
    piped.pipeline.run(RUN, "Production", "Deploy", "Succeeded")
    roll_back(piped, stop=True)
    assert not piped.aws.asked("StopPipelineExecution")
    assert piped.running() == "staging-web:2"


def test_the_pipeline_releases_again_when_it_is_told_to(piped: World) -> None:
    """What waited goes on."""
    piped.pipeline.execution(RUN, commit=TWO)
    piped.pipeline.closed |= {"Production": "rolled back", "Approval": "another"}
    piped.pipeline.inbound["Production"] = [RUN]
    pipeline_hold.resume(piped.session)
    assert piped.pipeline.closed == {"Approval": "another"}
    assert piped.lines == [
        "pipeline slipway: the way into stage Production is open again (it was closed: rolled back)",
        f"execution {RUN} goes on with commit {TWO}",
    ]


def test_without_anything_that_waits_the_next_release_goes_through(piped: World) -> None:
    """And said so."""
    piped.pipeline.closed["Production"] = "rolled back"
    pipeline_hold.resume(piped.session)
    assert piped.lines[1:] == ["no execution waits there; the next release that passes the stage before goes through"]


def test_a_way_that_is_open_stays_so(piped: World) -> None:
    """Another stage's is not touched."""
    piped.pipeline.closed["Approval"] = "another"
    pipeline_hold.resume(piped.session)
    assert piped.lines == ["pipeline slipway: the way into stage Production is open already"]
    assert not piped.aws.asked("EnableStageTransition")


def test_a_pipeline_that_is_gone_is_named_before_anything_is_closed(piped: World) -> None:
    """The parameter tells of one that another stack has destroyed since."""
    released(piped, ONE, TWO)
    piped.parameters.values["/slipway/staging/pipeline"]["pipeline"] = "gone"
    with pytest.raises(DeliveryError, match=r"there is no pipeline 'gone' in this account and region; run: pulumi up"):
        roll_back(piped)
    assert not piped.aws.asked("DisableStageTransition")
    assert not piped.aws.asked("UpdateService")
