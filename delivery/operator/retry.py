"""Retry: the stage in which an execution failed, once more, with what the execution brought there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from delivery.aws import pipeline, pipeline_state
from delivery.aws.clients import code
from delivery.console import typed
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from types_boto3_codepipeline.literals import StageRetryModeType
    from types_boto3_codepipeline.type_defs import GetPipelineStateOutputTypeDef

    from delivery.aws.clients import Clients
    from delivery.environment import Pipeline

REFUSED = ("NotLatestPipelineExecutionException", "StageNotRetryableException", "StageNotFoundException")
"""CodePipeline's, where a newer execution has been in the stage, or the pipeline has changed."""


def run(clients: Clients, of: Pipeline, execution: str, *, everything: bool) -> None:
    """Start the stage in which an execution failed or was stopped again; does not wait for its end.

    Args:
        clients: boto3's, by name.
        of: the pipeline.
        execution: an execution's id, or its first characters; empty for the newest.
        everything: all actions of the stage run again, not only those that failed.

    Raises:
        DeliveryError: no stage stands where the execution failed, the way into it is closed (a retry would pass a
            rollback by), or CodePipeline does not retry it.
    """
    api = clients("codepipeline")
    found = pipeline.execution(api, of.name, execution)
    identity, held = found["pipelineExecutionId"], pipeline.state(api, of.name)
    stage = _failed(held, identity)
    if not stage:
        raise DeliveryError(
            f"execution {identity} is {found['status']}, and no stage stands where it failed; name another by "
            "--execution, or push again"
        )
    for closed, reason, _ in pipeline_state.held_back(held):
        if closed == stage:
            raise DeliveryError(f"the way into stage {stage} is closed ({reason}); first: delivery resume")
    mode: StageRetryModeType = "ALL_ACTIONS" if everything else "FAILED_ACTIONS"
    try:
        api.retry_stage_execution(pipelineName=of.name, stageName=stage, pipelineExecutionId=identity, retryMode=mode)
    except ClientError as error:
        if code(error) not in REFUSED:
            raise
        raise DeliveryError(f"stage {stage} is not retried: {error}; push again, or start the pipeline") from error
    what = "all its actions" if everything else "what failed of it"
    print(typed(f"stage {stage} of execution {identity} runs again, {what}; see: delivery status --stack <stack>"))


def _failed(held: GetPipelineStateOutputTypeDef, identity: str) -> str:
    """Return the stage in which an execution failed or was stopped, empty where a newer one has been there since."""
    for stage in held["stageStates"]:
        latest = stage.get("latestExecution", {})
        if latest.get("pipelineExecutionId") == identity and latest.get("status") in ("Failed", "Stopped"):
            return str(stage["stageName"])
    return ""
