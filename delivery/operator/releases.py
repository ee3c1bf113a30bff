"""The releases of a stack, read from CodePipeline, CodeBuild and the tags of its task definition revisions.

CodePipeline keeps executions and their actions for 12 months (ListActionExecutions), CodeBuild keeps builds for a year,
revisions stay until `delivery clean`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from contract.images import ACCEPTED, RELEASED
from delivery.aws import pipeline
from delivery.deploying import revisions
from delivery.operator import release_courses, release_outcome
from delivery.operator.release_record import Approval, Deployed, Record, State, Step
from delivery.release import images

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from types_boto3_codepipeline.type_defs import ActionExecutionDetailTypeDef, PipelineExecutionSummaryTypeDef

    from delivery.aws.pipeline import Runs
    from delivery.deploying.revisions import Revision
    from delivery.environment import Service
    from delivery.operator.release_outcome import Course
    from delivery.session import Session

COMMITTED = ("CommitterDate", "AuthorDate")
"""Output variables of source actions with the commit's time (CodePipeline User Guide, "Variables reference")."""
ALL = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A revision of a service, and whether that runs it."""

    service: Service
    revision: Revision
    served: bool


def of_stack(session: Session, most: int = ALL, since: datetime | None = None) -> list[Record]:
    """Return the releases of a stack, newest first.

    Args:
        session: the stack.
        most: how many at most.
        since: only those that began after this moment.
    """
    groups = _groups(session, most, since)
    of = session.environment.pipeline
    courses = release_courses.of_pipeline(session, of, most, since) if of else []
    records = [
        _of_course(session, course, courses[:place][::-1], groups.pop(course.summary["pipelineExecutionId"], []))
        for place, course in enumerate(courses)
    ]
    records += [_of_revisions(session, found) for found in groups.values()]
    records.sort(key=lambda one: one.began, reverse=True)
    return [one for one in records if since is None or one.began >= since][:most]


def _groups(session: Session, most: int, since: datetime | None) -> dict[str, list[Found]]:
    """Return the newest revisions of all services by execution; those by hand by commit, too."""
    groups: dict[str, list[Found]] = {}
    for service in session.environment.services:
        running = revisions.current(session, service)
        newest = revisions.newest_first(session.ecs, service.release_family, running.container)
        recent = takewhile(lambda one: since is None or one.definition["registeredAt"] >= since, newest)
        for one in islice(recent, most):
            execution = one.tags.get(revisions.EXECUTION, "")
            key = execution if len(execution) == len("01234567-89ab-cdef-0123-456789abcdef") else ""
            key = key or f"{execution} {one.commit} {'' if one.commit else one.version}"
            groups.setdefault(key, []).append(Found(service=service, revision=one, served=one.arn == running.arn))
    return groups


def _of_course(session: Session, course: Course, newer: Sequence[Course], found: Sequence[Found]) -> Record:
    """Return the record of an execution."""
    summary, runs = course.summary, course.runs
    outcome = release_outcome.of_course(course, newer)
    ends = [row["lastUpdateTime"] for (stage, _), row in runs.items() if stage == course.stage]
    released = max(ends).astimezone() if outcome.state == State.RELEASED and ends else None
    back = next((back for one in found if (back := release_outcome.gone_back(one.revision.tags))), None)
    over = summary["status"] in pipeline.OVER
    return Record(
        stack=session.stack,
        execution=summary["pipelineExecutionId"],
        commit=pipeline.commit_of(summary),
        message=_message(summary),
        committed=_committed(runs),
        began=summary["startTime"].astimezone(),
        released=released,
        ended=released or (summary.get("lastUpdateTime", summary["startTime"]).astimezone() if over else None),
        outcome=back or outcome,
        approval=approval(runs),
        steps=[_step(row, course.causes) for row in runs.values()],
        services=_deployed(session, found),
        gone_back=_gone_back(found),
    )


def _of_revisions(session: Session, found: Sequence[Found]) -> Record:
    """Return the record of what no execution that is known deployed: by hand, the first image, or long ago."""
    one = found[0].revision
    began = min(each.revision.definition["registeredAt"] for each in found).astimezone()
    outcomes = [release_outcome.of_tags(each.revision.tags, commit=each.revision.commit) for each in found]
    worst = next((each for each in outcomes if each.state not in (State.RELEASED, State.FIRST)), outcomes[0])
    released = None if worst.state == State.FAILED else began
    return Record(
        stack=session.stack,
        execution=one.tags.get(revisions.EXECUTION, ""),
        commit=one.commit or one.version,
        message="",
        committed=None,
        began=began,
        released=released,
        ended=released,
        outcome=worst,
        approval=None,
        steps=[],
        services=_deployed(session, found),
        gone_back=_gone_back(found),
    )


def _gone_back(found: Iterable[Found]) -> datetime | None:
    """Return when a release was put back or rolled back, by the time in the tag of its result."""
    for one in found:
        result, _, when = one.revision.tags.get(revisions.RESULT, "").rpartition(" ")
        if result in ("failed", "rolled back"):
            return datetime.strptime(when, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).astimezone()
    return None


def _deployed(session: Session, found: Sequence[Found]) -> list[Deployed]:
    """Return what a release deployed of each service: its newest revision."""
    newest: dict[str, Found] = {}
    for one in found:
        newest.setdefault(one.service.name, one)
    return [_service(session, one) for one in newest.values()]


def _service(session: Session, one: Found) -> Deployed:
    revision = one.revision
    held = images.tags_of(session.clients("ecr"), one.service.repository, revision.digest) if revision.digest else []
    marks = {tag.split("-", 1)[0] for tag in held if tag.startswith((ACCEPTED, RELEASED))}
    return Deployed(
        service=one.service.name,
        revision=revision.name,
        digest=revision.digest,
        served=one.served,
        proof=revision.tags.get(revisions.PROOF, ""),
        marks=sorted(marks) if held else None,
    )


def _step(row: ActionExecutionDetailTypeDef, causes: Mapping[str, str]) -> Step:
    ended = None if row["status"] == "InProgress" else row["lastUpdateTime"].astimezone()
    return Step(
        stage=row["stageName"],
        action=row["actionName"],
        status=row["status"],
        began=row["startTime"].astimezone(),
        ended=ended,
        cause=causes.get(row["actionExecutionId"], ""),
    )


def approval(runs: Runs) -> Approval | None:
    """Return the approval that was given, None where none was."""
    for row in runs.values():
        if row["input"]["actionTypeId"]["category"] == pipeline.APPROVAL and row["status"] == "Succeeded":
            reason = row.get("output", {}).get("executionResult", {}).get("externalExecutionSummary", "")
            by = release_outcome.person(row.get("updatedBy", "")) or release_outcome.named(reason)
            return Approval(by=by, at=row["lastUpdateTime"].astimezone(), reason=reason)
    return None


def _message(summary: PipelineExecutionSummaryTypeDef) -> str:
    """Return the first line of the commit's message; a connection's summary is JSON."""
    held = summary.get("sourceRevisions", [])
    told = held[0].get("revisionSummary", "") if held else ""
    try:
        read = json.loads(told)
    except ValueError:
        read = told
    text = str(read.get("CommitMessage", "")) if isinstance(read, dict) else told
    return (text.splitlines() or [""])[0]


def _committed(runs: Runs) -> datetime | None:
    """Return the commit's time, which the source action exports; None where it does not, or writes it otherwise."""
    told = next((found for name in COMMITTED if (found := pipeline.variable(runs, name))), "")
    try:
        return datetime.fromisoformat(told).astimezone() if told else None
    except ValueError:
        return None


def days_ago(session: Session, days: int) -> datetime:
    """Return the moment that was so many days ago."""
    return datetime.fromtimestamp(session.clock.today(), UTC) - timedelta(days=days)
