"""The executions of a pipeline with their runs and why they failed, read with few requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delivery import failure
from delivery.aws import pipeline
from delivery.operator import logs
from delivery.operator.release_outcome import Course

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from types_boto3_codepipeline.type_defs import (
        ActionExecutionDetailTypeDef,
        GetPipelineStateOutputTypeDef,
        PipelineExecutionSummaryTypeDef,
    )

    from delivery.aws.pipeline import Runs
    from delivery.environment import Pipeline
    from delivery.session import Session


def of_pipeline(session: Session, of: Pipeline, most: int, since: datetime | None) -> list[Course]:
    """Return the newest executions of the pipeline, newest first, with their runs and the causes of their failures."""
    client = session.clients("codepipeline")
    stages = declared(pipeline.state(client, of.name))
    found = pipeline.newest_executions(client, of.name, most, since)
    if not found:
        return []
    rows = pipeline.actions_since(client, of.name, min(one["startTime"] for one in found))
    why = causes(session, rows)
    runs: dict[str, Runs] = {}
    for row in rows:
        runs.setdefault(row["pipelineExecutionId"], {})[row["stageName"], row["actionName"]] = row
    return [
        Course(
            summary=one,
            runs=runs.get(one["pipelineExecutionId"], {}),
            causes=why,
            declared=stages,
            stage=of.stage,
        )
        for one in found
    ]


def of_runs(
    session: Session, summary: PipelineExecutionSummaryTypeDef, held: GetPipelineStateOutputTypeDef, runs: Runs
) -> Course:
    """Return an execution whose runs are known, up to the pipeline's last stage."""
    stages = declared(held)
    why = causes(session, list(runs.values()))
    return Course(summary=summary, runs=runs, causes=why, declared=stages, stage=list(stages)[-1])


def declared(held: GetPipelineStateOutputTypeDef) -> dict[str, list[str]]:
    """Return the actions of each stage, in their order."""
    return {one["stageName"]: [action["actionName"] for action in one["actionStates"]] for one in held["stageStates"]}


def causes(session: Session, rows: Sequence[ActionExecutionDetailTypeDef]) -> dict[str, str]:
    """Return why each action failed: what its build exported, else its log's last word, else what CodePipeline says."""
    failed = [row for row in rows if row["status"] == "Failed"]
    ids = [build for row in failed if (build := pipeline.build_of(row))]
    exported: dict[str, str] = {}
    for start in range(0, len(ids), 100):  # BatchGetBuilds, ids
        held = session.clients("codebuild").batch_get_builds(ids=ids[start : start + 100])["builds"]
        exported |= {build["id"]: failure.of_build(build) for build in held}
    found = {}
    for row in failed:
        result = row.get("output", {}).get("executionResult", {})
        told = exported.get(pipeline.build_of(row), "") or _of_log(session, row)
        told = told or result.get("errorDetails", {}).get("message", "") or result.get("externalExecutionSummary", "")
        found[row["actionExecutionId"]] = failure.cause(told)
    return found


def _of_log(session: Session, row: ActionExecutionDetailTypeDef) -> str:
    """Return the line of a build's log in which delivery says why it failed: of builds before there was a cause."""
    told = logs.reason(logs.ending(session.clients, row))
    return told.partition(": ")[2] if told.startswith(logs.OURS) else ""
