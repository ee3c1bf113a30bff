"""Retry: the stage in which an execution failed, once more, with what the execution brought there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from delivery import pipeline
from delivery.clients import code
from delivery.console import typed
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from delivery.clients import Clients
    from delivery.environment import Pipeline

ENDED_BADLY = ("Failed", "Abandoned")
"""Statuses of an action after which its stage can be retried."""
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
        DeliveryError: no action of the execution failed, or CodePipeline does not retry its stage.
    """
    api = clients("codepipeline")
    found = pipeline.execution(api, of.name, execution)
    identity, status = found["pipelineExecutionId"], found["status"]
    runs = pipeline.actions(api, of.name, identity)
    failed = [stage for (stage, _), row in runs.items() if row["status"] in ENDED_BADLY]
    if status not in ("Failed", "Stopped") or not failed:
        raise DeliveryError(
            f"execution {identity} is {status}: only a stage that failed can be retried; name another by --execution"
        )
    stage, mode = failed[-1], "ALL_ACTIONS" if everything else "FAILED_ACTIONS"
    try:
        api.retry_stage_execution(pipelineName=of.name, stageName=stage, pipelineExecutionId=identity, retryMode=mode)
    except ClientError as error:
        if code(error) not in REFUSED:
            raise
        raise DeliveryError(f"stage {stage} is not retried: {error}; push again, or start the pipeline") from error
    what = "all its actions" if everything else "what failed of it"
    print(typed(f"stage {stage} of execution {identity} runs again, {what}; see: delivery status --stack <stack>"))
