"""Where a pipeline stands: the approvals that wait, and the stages that are closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from types_boto3_codepipeline.type_defs import (
        ActionExecutionDetailTypeDef,
        GetPipelineStateOutputTypeDef,
        StageStateTypeDef,
    )

    Runs: TypeAlias = dict[tuple[str, str], ActionExecutionDetailTypeDef]
    """The newest run of each of an execution's actions, by stage and action."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """An approval that waits: where, which execution for, the token that answers it, and the stages `before` it."""

    stage: str
    action: str
    execution: str
    token: str
    before: tuple[str, ...]


def waiting(held: GetPipelineStateOutputTypeDef) -> list[Waiting]:
    """Return the approvals that wait in a pipeline's state: only those have a token."""
    found: list[Waiting] = []
    before: list[str] = []
    for stage in held["stageStates"]:
        for action in stage.get("actionStates", []):
            latest = action.get("latestExecution", {})
            if latest.get("status") == "InProgress" and latest.get("token"):
                execution_id = stage["latestExecution"]["pipelineExecutionId"]
                found.append(
                    Waiting(
                        stage=stage["stageName"],
                        action=action["actionName"],
                        execution=execution_id,
                        token=latest["token"],
                        before=tuple(before),
                    )
                )
        before.append(stage["stageName"])
    return found


def held_back(held: GetPipelineStateOutputTypeDef) -> list[tuple[str, str, list[str]]]:
    """Return the stages whose way in is closed: name, reason, and the executions that wait before it."""
    found = []
    for stage in held["stageStates"]:
        transition = stage.get("inboundTransitionState", {})
        if transition.get("enabled") is False:
            newest = [stage["inboundExecution"]] if "inboundExecution" in stage else []
            before = stage.get("inboundExecutions") or newest
            found.append(
                (
                    stage["stageName"],
                    transition.get("disabledReason", ""),
                    [one["pipelineExecutionId"] for one in before],
                )
            )
    return found


def stage_of(held: GetPipelineStateOutputTypeDef, stage: str) -> StageStateTypeDef:
    """Return a stage's part of a pipeline's state.

    Raises:
        DeliveryError: the pipeline has no such stage.
    """
    for one in held["stageStates"]:
        if one["stageName"] == stage:
            return one
    raise DeliveryError(f"pipeline {held.get('pipelineName')!r} has no stage {stage!r}; run: pulumi up of its stack")
