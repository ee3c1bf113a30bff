"""A pipeline is changed only while none of its executions is in progress, which AWS would make fail."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from infra.pipeline.executions_in_progress import ExecutionsInProgress
from tests.unit.delivery.pipelines import NAME
from tests.unit.delivery.world import World

KIND = "aws:codepipeline/pipeline:Pipeline"
BEFORE, AFTER = {"name": NAME, "tags": {}, "stages": []}, {"name": NAME, "tags": {}, "stages": [{"name": "Source"}]}


@pytest.fixture
def world() -> World:
    """Return a stack, and a pipeline without executions."""
    return World()


def refuse(world: World, after: dict[str, Any] = AFTER) -> None:
    """Call the hook."""
    update = pulumi.ResourceHookArgs(urn="", id="", name="prod", type=KIND, old_inputs=BEFORE, new_inputs=after)
    ExecutionsInProgress(stack="prod", pipeline=NAME, clients=world.aws).refuse(update)


@pytest.mark.parametrize("status", ["InProgress", "Stopping"])
def test_an_execution_in_progress_is_named_with_the_ways_to_end_it(world: World, status: str) -> None:
    """However many have ended since it began."""
    world.pipeline.executions = [
        *({"pipelineExecutionId": str(number), "status": "Superseded"} for number in range(250)),
        {
            "pipelineExecutionId": "e-1",
            "status": status,
            "sourceRevisions": [{"actionName": "Source", "revisionId": "1a2b3c4d5e"}],
        },
    ]
    with pytest.raises(pulumi.RunError) as raised:
        refuse(world)
    message = str(raised.value)
    assert "execution e-1 of commit 1a2b3c4 is in progress and would fail" in message
    assert "bin/delivery approve, reject or resume --stack prod" in message
    assert f"stop-pipeline-execution --pipeline-name {NAME} --pipeline-execution-id e-1 --abandon" in message


def test_a_pipeline_without_one_is_changed(world: World) -> None:
    """Whatever its last executions came to."""
    ended = ("Succeeded", "Failed", "Stopped", "Superseded", "Cancelled")
    world.pipeline.executions = [{"pipelineExecutionId": one, "status": one} for one in ended]
    refuse(world)


def test_another_tag_fails_no_execution(world: World) -> None:
    """So it is changed at any time."""
    world.pipeline.executions = [{"pipelineExecutionId": "e-1", "status": "InProgress"}]
    refuse(world, {**BEFORE, "tags": {"team": "shop"}})
    assert world.aws.asked("ListPipelineExecutions") == []


def test_a_preview_warns_and_asks_for_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pull request's preview neither fails while something is released nor needs the permission to look."""
    said: list[str] = []
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    world.pipeline.executions = [{"pipelineExecutionId": "e-1", "status": "InProgress"}]
    refuse(world)
    assert world.aws.asked("ListPipelineExecutions") == []
    assert "does not change it while there is one" in said[0]


def test_executions_that_cannot_be_listed_are_no_reason_to_go_on(world: World) -> None:
    """The permission is named; a pipeline that somebody deleted has none."""
    world.aws.fail("ListPipelineExecutions", "AccessDeniedException")
    with pytest.raises(pulumi.RunError, match="codepipeline:ListPipelineExecutions"):
        refuse(world)
    world.aws.fail("ListPipelineExecutions", "PipelineNotFoundException")
    refuse(world)
