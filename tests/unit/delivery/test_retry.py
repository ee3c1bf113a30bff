"""Retrying: which stage runs again, and what is not retried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from delivery.aws import pipeline
from delivery.environment import Environment
from delivery.errors import DeliveryError
from delivery.operator import retry

if TYPE_CHECKING:
    from tests.unit.delivery.world import World

RUN, NEWER = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"


def ended(piped: World, status: str, stage: str = "Production") -> None:
    """Let an execution end so in a stage."""
    piped.pipeline.execution(RUN, status)
    for one in ("Source", "Test", "Build", "Staging"):
        piped.pipeline.run(RUN, one, "any", "Succeeded")
    piped.pipeline.run(RUN, stage, "Deploy", status)


def again(piped: World, execution: str = RUN[:8], *, everything: bool = False) -> None:
    """Retry it."""
    retry.run(piped.aws, pipeline.of(piped.environment), execution, everything=everything)


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
@pytest.mark.parametrize(("everything", "mode"), [(False, "FAILED_ACTIONS"), (True, "ALL_ACTIONS")])
def test_a_retry_is_of_the_stage_that_failed(piped: World, *, status: str, everything: bool, mode: str) -> None:
    """Not of those before it; all of its actions only where asked."""
    ended(piped, status)
    again(piped, everything=everything)
    assert piped.aws.asked("RetryStageExecution") == [
        {"pipelineName": "slipway", "stageName": "Production", "pipelineExecutionId": RUN, "retryMode": mode}
    ]


def test_what_did_not_fail_is_not_retried(piped: World) -> None:
    """The execution's status is told, and how to name another."""
    ended(piped, "Succeeded")
    with pytest.raises(DeliveryError, match=rf"{RUN} is Succeeded.*--execution"):
        again(piped)


def test_a_stage_that_a_newer_execution_has_passed_is_not_retried(piped: World) -> None:
    """It would undo that one."""
    ended(piped, "Failed")
    piped.pipeline.run(NEWER, "Production", "Deploy", "Succeeded")
    with pytest.raises(DeliveryError, match=rf"{RUN} is Failed, and no stage stands where it failed"):
        again(piped)


def test_a_retry_does_not_pass_a_rollback_by(piped: World) -> None:
    """The way into the stage is closed for it too; that into another stage is none of its business."""
    ended(piped, "Stopped")
    piped.pipeline.closed |= {"Approval": "another"}
    again(piped)
    piped.pipeline.closed |= {"Production": "rolled back"}
    with pytest.raises(DeliveryError, match=r"Production is closed \(rolled back\).*delivery resume"):
        again(piped)


@pytest.mark.parametrize(
    "code", ["NotLatestPipelineExecutionException", "StageNotRetryableException", "StageNotFoundException"]
)
def test_a_stage_that_codepipeline_does_not_retry_is_named(piped: World, code: str) -> None:
    """The remedy is a push; any other error is told as it is."""
    ended(piped, "Failed", "Staging")
    piped.aws.fail("RetryStageExecution", code)
    with pytest.raises(DeliveryError, match=rf"stage Staging is not retried.*{code}.*push again"):
        again(piped)
    piped.aws.fail("RetryStageExecution", "ThrottlingException")
    with pytest.raises(Exception, match=r"ThrottlingException") as failed:
        again(piped)
    assert not isinstance(failed.value, DeliveryError)


def test_a_stack_without_a_pipeline_is_told_what_writes_the_parameter() -> None:
    """Not a stack trace."""
    with pytest.raises(DeliveryError, match=r"/slipway/staging/pipeline.*slipway:pipeline"):
        pipeline.of(Environment(stack="staging", url="http://s", cluster="c", services=()))
