"""The CodePipeline pipeline of an environment: its executions and their actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from botocore.exceptions import ClientError

from contract import names
from delivery import environment as environments
from delivery.aws.clients import code
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from datetime import datetime

    from types_boto3_codepipeline import CodePipelineClient
    from types_boto3_codepipeline.type_defs import (
        ActionExecutionDetailTypeDef,
        GetPipelineStateOutputTypeDef,
        PipelineExecutionSummaryTypeDef,
    )
    from types_boto3_ssm import SSMClient

    from delivery.aws.clients import Clients
    from delivery.environment import Environment, Pipeline
    from delivery.session import Clock

    Runs: TypeAlias = dict[tuple[str, str], ActionExecutionDetailTypeDef]
    """The newest run of each of an execution's actions, by stage and action."""

OVER = {"Succeeded": 0, "Failed": 1, "Stopped": 1, "Cancelled": 1, "Superseded": 1}
"""How an execution ends, and the exit code that tells of it."""
APPROVAL = "Approval"
TAKEN_SECONDS = 120
"""Seconds for a pushed commit to become an execution: GitHub's webhook, the source action, and what AWS lists late."""
POLL_SECONDS = 2.0


def of(environment: Environment) -> Pipeline:
    """Return the pipeline of an environment.

    Raises:
        DeliveryError: none deploys to it.
    """
    if environment.pipeline is None:
        raise DeliveryError(
            f"no pipeline deploys to stack {environment.stack!r}: there is no parameter "
            f"{names.pipeline_parameter(environment.stack)}; the stack whose configuration has the section "
            f"`slipway:pipeline` writes it: pulumi up of that stack"
        )
    return environment.pipeline


def stacks(ssm: SSMClient, name: str) -> dict[str, str]:
    """Return the stack that each stage of a pipeline deploys to, from the stacks' recorded facts."""
    found: dict[str, str] = {}
    for stack, facts in environments.pipelines(ssm).items():
        if facts.name == name:
            found[facts.stage] = stack
    return found


def state(codepipeline: CodePipelineClient, name: str) -> GetPipelineStateOutputTypeDef:
    """Return GetPipelineState's answer.

    Raises:
        DeliveryError: there is no such pipeline.
    """
    try:
        return codepipeline.get_pipeline_state(name=name)
    except ClientError as error:
        if code(error) != "PipelineNotFoundException":
            raise
        raise DeliveryError(
            f"there is no pipeline {name!r} in this account and region; run: pulumi up of its stack"
        ) from error


def executions(codepipeline: CodePipelineClient, name: str, most: int = 20) -> list[PipelineExecutionSummaryTypeDef]:
    """Return the summaries of the most recent executions, newest first."""
    found = codepipeline.list_pipeline_executions(pipelineName=name, maxResults=most)
    return found["pipelineExecutionSummaries"]


def execution(codepipeline: CodePipelineClient, name: str, identity: str) -> PipelineExecutionSummaryTypeDef:
    """Return the summary of an execution, of the newest one if `identity` is empty.

    Args:
        codepipeline: a boto3 client.
        name: the pipeline's name.
        identity: an execution's id, or its first characters.

    Raises:
        DeliveryError: there is none.
    """
    if not identity:
        newest = executions(codepipeline, name, 1)
        if not newest:
            raise DeliveryError(f"pipeline {name!r} has never run; push a commit")
        return newest[0]
    pages = codepipeline.get_paginator("list_pipeline_executions").paginate(pipelineName=name)
    for page in pages:
        for one in page["pipelineExecutionSummaries"]:
            if one["pipelineExecutionId"].startswith(identity):
                return one
    raise DeliveryError(f"pipeline {name!r} has no execution {identity}; see: delivery status --stack <stack>")


def of_commit(codepipeline: CodePipelineClient, name: str, commit: str, clock: Clock) -> str:
    """Return the id of the newest execution of a commit; wait up to two minutes for the pipeline to take it.

    Args:
        codepipeline: a boto3 client.
        name: the pipeline's name.
        commit: the commit's hash, or its first characters.
        clock: what is waited by.

    Raises:
        DeliveryError: no execution has taken the commit by then.
    """
    end = clock.now() + TAKEN_SECONDS
    while True:
        for one in executions(codepipeline, name):
            if commit_of(one).startswith(commit):
                return str(one["pipelineExecutionId"])
        if clock.now() > end:
            raise DeliveryError(
                f"pipeline {name!r} has not taken commit {commit} within {TAKEN_SECONDS} s; is it pushed to the branch "
                f"that it releases? what would keep it from starting is shown by: delivery doctor --stack <stack>"
            )
        clock.sleep(POLL_SECONDS)


def commit_of(summary: PipelineExecutionSummaryTypeDef) -> str:
    """Return the commit of an execution, empty until its source action has finished."""
    revisions = summary.get("sourceRevisions", [])
    return str(revisions[0].get("revisionId", "")) if revisions else ""


def actions(codepipeline: CodePipelineClient, name: str, identity: str) -> Runs:
    """Return the latest run of each action of an execution, by (stage, action)."""
    pages = codepipeline.get_paginator("list_action_executions").paginate(
        pipelineName=name, filter={"pipelineExecutionId": identity}
    )
    rows = sorted((row for page in pages for row in page["actionExecutionDetails"]), key=lambda row: row["startTime"])
    return {(row["stageName"], row["actionName"]): row for row in rows}


def newest_executions(
    codepipeline: CodePipelineClient, name: str, most: int, since: datetime | None = None
) -> list[PipelineExecutionSummaryTypeDef]:
    """Return the summaries of the newest executions, newest first: so many at most, begun after a moment."""
    found: list[PipelineExecutionSummaryTypeDef] = []
    for page in codepipeline.get_paginator("list_pipeline_executions").paginate(pipelineName=name):
        rows = page["pipelineExecutionSummaries"]
        found += [row for row in rows if since is None or row["startTime"] >= since]
        if len(found) >= most or (since and rows and rows[-1]["startTime"] < since):
            break
    return found[:most]


def actions_since(codepipeline: CodePipelineClient, name: str, since: datetime) -> list[ActionExecutionDetailTypeDef]:
    """Return the runs of actions of all executions that began after a moment, oldest first.

    One request for a hundred runs, where `actions` takes one for each execution.
    """
    found: list[ActionExecutionDetailTypeDef] = []
    for page in codepipeline.get_paginator("list_action_executions").paginate(pipelineName=name):
        rows = page["actionExecutionDetails"]
        found += rows
        if rows and rows[-1]["startTime"] < since:
            break
    return sorted(found, key=lambda row: row["startTime"])


def variable(runs: Runs, name: str) -> str:
    """Return an output variable of an execution's actions, empty if no action exported it."""
    for row in runs.values():
        value = row.get("output", {}).get("outputVariables", {}).get(name)
        if value:
            return str(value)
    return ""


def build_of(row: ActionExecutionDetailTypeDef) -> str:
    """Return the ID of the build that an action started, empty if the action is not a build."""
    identity = str(row.get("output", {}).get("executionResult", {}).get("externalExecutionId", ""))
    return identity if ":" in identity else ""


def build_log(clients: Clients, build: str) -> tuple[str, str]:
    """Return the log group and stream of a build.

    Raises:
        DeliveryError: there is no such build, or it has written no log yet.
    """
    builds = clients("codebuild").batch_get_builds(ids=[build])["builds"]
    logs = builds[0].get("logs", {}) if builds else {}
    if not logs.get("groupName") or not logs.get("streamName"):
        raise DeliveryError(f"build {build} has no log (yet)")
    return str(logs["groupName"]), str(logs["streamName"])
