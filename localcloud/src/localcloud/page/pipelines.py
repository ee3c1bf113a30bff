"""What the page tells of pipelines: stages, actions, executions, and the logs of builds."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.page.operations import Doc, Operations

EXECUTIONS = 5
"""How many executions of a pipeline are listed."""
LINES = 12
"""How many lines of a build's log are shown beside its action."""
RETRYABLE = ("Failed", "Stopped")


@dataclass(frozen=True, kw_only=True, slots=True)
class Execution:
    """An execution of a pipeline."""

    id: str
    status: str
    summary: str
    trigger: str
    kind: str
    started: float
    commit: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """An action of a stage, in the execution that entered the stage last."""

    name: str
    provider: str
    status: str = ""
    text: str = ""
    """Its summary, or its error's message."""
    updated: float = 0
    build: str = ""
    """The build's id, of actions by CodeBuild."""
    log: list[str] = field(default_factory=list)
    """The end of the build's log, while it runs and after it failed."""
    exported: dict[str, str] = field(default_factory=dict)
    """The variables that a failed build exported, which may tell why."""
    token: str = ""
    """The token of an approval that waits for an answer."""
    note: str = ""
    address: str = ""
    """What the approval's configuration tells and links to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """A stage of a pipeline."""

    name: str
    actions: list[Action]
    status: str = ""
    execution: Execution | None = None
    """The one that entered the stage last."""
    waiting: str = ""
    """The id of an execution that waits to enter the stage."""
    held: str | None = None
    """The reason for which the transition into the stage is disabled."""
    condition: list[tuple[str, str, str]] = field(default_factory=list)
    """Name, status and reason of each rule of the condition on entry."""
    back_to: Execution | None = None
    """The execution to which the stage can be rolled back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """A pipeline."""

    name: str
    stages: list[Stage]
    executions: list[Execution]


async def read(operations: Operations) -> list[Pipeline]:
    """Return all pipelines."""
    names = [row["name"] for row in (await operations("codepipeline", "ListPipelines"))["pipelines"]]
    return [await pipeline(operations, name) for name in names]


async def pipeline(operations: Operations, name: str) -> Pipeline:
    """Return a pipeline."""
    declared = (await operations("codepipeline", "GetPipeline", name=name))["pipeline"]
    state = await operations("codepipeline", "GetPipelineState", name=name)
    rows = (await operations("codepipeline", "ListPipelineExecutions", pipelineName=name))["pipelineExecutionSummaries"]
    executions = {row["pipelineExecutionId"]: execution(row) for row in rows}
    stages = [
        await stage(operations, name, row, shown, executions)
        for row, shown in zip(declared["stages"], state["stageStates"], strict=True)
    ]
    return Pipeline(name=name, stages=stages, executions=list(executions.values())[:EXECUTIONS])


def execution(row: Doc) -> Execution:
    """Return an execution, from its summary."""
    revision: Doc = next(iter(row["sourceRevisions"]), {})
    return Execution(
        id=row["pipelineExecutionId"],
        status=row["status"],
        summary=row.get("statusSummary") or "",
        trigger=row["trigger"]["triggerType"],
        kind=row["executionType"],
        started=row["startTime"],
        commit=revision.get("revisionId", ""),
        message=commit_message(revision.get("revisionSummary", "")),
    )


def commit_message(summary: str) -> str:
    """Return the first line of a commit's message, from a revision's summary: with connections it is JSON."""
    try:
        text = json.loads(summary)["CommitMessage"]
    except (ValueError, KeyError, TypeError):
        text = summary
    return str(text).strip().partition("\n")[0]


async def stage(
    operations: Operations, pipeline: str, declared: Doc, state: Doc, executions: dict[str, Execution]
) -> Stage:
    """Return a stage as its latest execution left it."""
    latest = state.get("latestExecution", {})
    entered = latest.get("pipelineExecutionId", "")
    rows = await details(operations, pipeline, declared["name"], entered) if entered else {}
    tokens = {
        row["latestExecution"]["actionExecutionId"]: row["latestExecution"]["token"]
        for row in state["actionStates"]
        if row.get("latestExecution", {}).get("token")
    }
    actions = [await action(operations, row, rows.get(row["name"]), tokens) for row in declared["actions"]]
    transition = state.get("inboundTransitionState", {"enabled": True})
    first = "inboundTransitionState" not in state
    return Stage(
        name=declared["name"],
        actions=actions,
        status=latest.get("status", ""),
        execution=executions.get(entered),
        waiting=state.get("inboundExecution", {}).get("pipelineExecutionId", ""),
        condition=condition(state.get("beforeEntryConditionState", {})),
        held=None if transition["enabled"] else transition.get("disabledReason", ""),
        back_to=None if first else await earlier(operations, pipeline, declared["name"], entered),
    )


def condition(state: Doc) -> list[tuple[str, str, str]]:
    """Return the rules of a stage's condition that has not succeeded: name, status and reason of each."""
    if state.get("latestExecution", {}).get("status") in (None, "Succeeded"):
        return []
    rules = [
        (row["ruleName"], row["latestExecution"]) for each in state["conditionStates"] for row in each["ruleStates"]
    ]
    return [
        (name, run["status"], (run.get("errorDetails") or {}).get("message") or run.get("summary", ""))
        for name, run in rules
    ]


async def details(operations: Operations, pipeline: str, stage: str, execution: str) -> dict[str, Doc]:
    """Return the latest action executions of a stage in an execution, by action."""
    wanted = {"latestInPipelineExecution": {"pipelineExecutionId": execution, "startTimeRange": "Latest"}}
    found = await operations("codepipeline", "ListActionExecutions", pipelineName=pipeline, filter=wanted)
    return {row["actionName"]: row for row in found["actionExecutionDetails"] if row["stageName"] == stage}


async def earlier(operations: Operations, pipeline: str, stage: str, entered: str) -> Execution | None:
    """Return the last execution that succeeded in a stage before the one that is there, or None."""
    wanted = {"succeededInStage": {"stageName": stage}}
    found = await operations("codepipeline", "ListPipelineExecutions", pipelineName=pipeline, filter=wanted)
    rows = [execution(row) for row in found["pipelineExecutionSummaries"]]
    now = next((row.commit for row in rows if row.id == entered), "")
    return next((row for row in rows if row.id != entered and row.kind != "ROLLBACK" and row.commit != now), None)


async def action(operations: Operations, declared: Doc, row: Doc | None, tokens: dict[str, str]) -> Action:
    """Return an action; `row` is its execution, None if it has not begun."""
    name, provider = declared["name"], declared["actionTypeId"]["provider"]
    if row is None:
        return Action(name=name, provider=provider)
    result, configuration = row["output"]["executionResult"], row["input"]["resolvedConfiguration"]
    build = result.get("externalExecutionId", "") if provider == "CodeBuild" else ""
    followed = build and row["status"] in ("InProgress", "Failed")
    held = await build_of(operations, build) if followed else None
    summary = result.get("externalExecutionSummary") or ""
    return Action(
        name=name,
        provider=provider,
        status=row["status"],
        text=(result.get("errorDetails") or {}).get("message") or commit_message(summary),
        updated=row["lastUpdateTime"],
        build=build,
        log=await log_end(operations, held) if held else [],
        exported=exported(held) if held and row["status"] == "Failed" else {},
        token=tokens.get(row["actionExecutionId"], ""),
        note=configuration.get("CustomData", ""),
        address=configuration.get("ExternalEntityLink", ""),
    )


def exported(build: Doc) -> dict[str, str]:
    """Return the variables that a build exported."""
    return {row["name"]: row["value"] for row in build.get("exportedEnvironmentVariables", []) if row["value"]}


async def log_end(operations: Operations, build: Doc) -> list[str]:
    """Return the last lines of a build's log."""
    logs = build["logs"]
    if "groupName" not in logs:
        return []
    return (await operations.log(logs["groupName"], logs["streamName"], most=LINES, end=True)).lines


async def log_of(operations: Operations, build: str) -> Doc | None:
    """Return where a build's log is, with `over` once the build has ended; None if there is no such build."""
    found = await build_of(operations, build)
    return found["logs"] | {"over": found["buildComplete"]} if found else None


async def build_of(operations: Operations, build: str) -> Doc | None:
    """Return a build, None if there is no such one."""
    found: list[Doc] = (await operations("codebuild", "BatchGetBuilds", ids=[build]))["builds"]
    return found[0] if found else None
