"""How a release ended, judged by what CodePipeline and the tags of its revisions tell. Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from delivery.aws import pipeline
from delivery.console import short
from delivery.deploying import revisions
from delivery.operator.release_record import Outcome, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_codepipeline.type_defs import ActionExecutionDetailTypeDef, PipelineExecutionSummaryTypeDef

    from delivery.aws.pipeline import Runs

BY = re.compile(r"\bby (\S+?)(?= with delivery$|[:;.]? |[:;.]?$)")
"""Who did it, in a summary or a reason that `delivery` or AWS wrote."""
REJECTED = "Rejected"


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """An execution: its summary, its runs, causes by action execution, the declared actions of the stages in order.

    `stage` is that which deploys to the stack.
    """

    summary: PipelineExecutionSummaryTypeDef
    runs: Runs
    causes: Mapping[str, str]
    declared: Mapping[str, Sequence[str]]
    stage: str

    def passed(self, stage: str) -> bool:
        """Whether every action of a stage has succeeded."""
        wanted = [(stage, action) for action in self.declared.get(stage, ())]
        return bool(wanted) and all(key in self.runs and self.runs[key]["status"] == "Succeeded" for key in wanted)


def of_tags(tags: Mapping[str, str], *, commit: str) -> Outcome:
    """Return the outcome by the tags of a revision."""
    result = tags.get(revisions.RESULT, "").rpartition(" ")[0]
    if by := gone_back(tags):
        return by
    if not commit:
        return Outcome(state=State.FIRST)
    if result == "passed":
        return Outcome(state=State.RELEASED)
    return Outcome(state=State.FAILED, cause="put back") if result == "failed" else Outcome(state=State.DEPLOYED)


def gone_back(tags: Mapping[str, str]) -> Outcome | None:
    """Return that people went back from a revision, by its tags; None if they did not."""
    result = tags.get(revisions.RESULT, "")
    by = tags.get(revisions.BACK_BY, "")
    if not (result.startswith("rolled back") or (result.startswith("failed") and by)):
        return None
    return Outcome(state=State.ROLLED_BACK, by=person(by), to=short(tags.get(revisions.BACK_TO, "")))


def of_course(course: Course, newer: Sequence[Course]) -> Outcome:
    """Return the outcome of an execution for the stack.

    Args:
        course: the execution.
        newer: those that began after it, oldest first.
    """
    status = course.summary["status"]
    if course.passed(course.stage) or status == "Succeeded":
        return Outcome(state=State.RELEASED)
    if status in ("InProgress", "Stopping"):
        return _under_way(course)
    if status == "Superseded":
        return Outcome(state=State.SUPERSEDED, to=_successor(course, newer))
    if failed := [row for row in course.runs.values() if row["status"] == "Failed"]:
        return _failed(failed[-1], course.causes)
    reason = course.summary.get("stopTrigger", {}).get("reason", "")
    if status in ("Stopped", "Cancelled"):
        by = named(reason)
        return Outcome(state=State.STOPPED, by=by, cause="" if by else reason)
    return Outcome(state=State.FAILED, cause=course.summary.get("statusSummary", "") or "the pipeline was changed")


def _under_way(course: Course) -> Outcome:
    running = [(key, row) for key, row in course.runs.items() if row["status"] == "InProgress"]
    if any(row["input"]["actionTypeId"]["category"] == pipeline.APPROVAL for _, row in running):
        return Outcome(state=State.WAITS)
    if running:
        return Outcome(state=State.IN_PROGRESS, at="/".join(running[-1][0]))
    passed = [stage for stage in course.declared if course.passed(stage)]
    return Outcome(state=State.IN_PROGRESS, at=f"the end of {passed[-1]}" if passed else "its source")


def _failed(row: ActionExecutionDetailTypeDef, causes: Mapping[str, str]) -> Outcome:
    """Return the outcome of an execution by its action that failed: an approval was rejected, or expired."""
    told = causes.get(row["actionExecutionId"], "")
    at = f"{row['stageName']}/{row['actionName']}"
    if row["input"]["actionTypeId"]["category"] == pipeline.APPROVAL and (row.get("updatedBy") or REJECTED in told):
        reason = row.get("output", {}).get("executionResult", {}).get("externalExecutionSummary", "")
        by = person(row.get("updatedBy", "")) or named(told)
        return Outcome(state=State.REJECTED, at=at, by=by, cause="" if reason.startswith(REJECTED) else reason)
    return Outcome(state=State.FAILED, at=at, cause=told)


def _successor(course: Course, newer: Sequence[Course]) -> str:
    """Return the commit that went on instead: of the oldest newer execution that passed the stage it had come to."""
    reached = [stage for stage in course.declared if any(of == stage for of, _ in course.runs)]
    for one in newer:
        if not reached or one.passed(reached[-1]):
            return short(pipeline.commit_of(one.summary))
    return ""


def person(arn: str) -> str:
    """Return who an ARN is, as people know them: the name of a user, or of a role's session."""
    return arn.rpartition("/")[2].rpartition(":")[2]


def named(text: str) -> str:
    """Return who a summary or a reason names; empty where it names nobody."""
    found = BY.search(text)
    return person(found[1]) if found else ""
