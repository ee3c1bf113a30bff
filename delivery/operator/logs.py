"""Logs: what a service's tasks wrote, or what a build of the pipeline wrote."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

import buildlog
from delivery.aws import pipeline
from delivery.aws.clients import code
from delivery.console import paint
from delivery.deploying import ecs_service, revisions
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_codepipeline.type_defs import ActionExecutionDetailTypeDef
    from types_boto3_ecs.type_defs import ServiceTypeDef
    from types_boto3_logs.type_defs import FilteredLogEventTypeDef, GetLogEventsRequestTypeDef

    from delivery.aws.clients import Clients
    from delivery.session import Session

POLL_SECONDS = 2.0
SINCE = re.compile(r"(\d+)([smhd])")
OURS = "delivery "
"""How the line begins in which a delivery command says why it failed (__main__.py)."""
ENDING_LINES = 40
"""How far before that line the failing step is looked for: putting an environment back writes some lines between."""
SHOWN_LINES = 25
"""How many lines are shown where no step is told: the end of failed tests, and the application's last lines."""
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> int:
    """Return how many seconds a text such as `90s`, `10m`, `2h` or `1d` means.

    Raises:
        ValueError: it is no such text.
    """
    match = SINCE.fullmatch(text)
    if not match:
        raise ValueError(text)
    return int(match[1]) * UNITS[match[2]]


def of_services(session: Session, only: str, since: int, *, task: str = "", follow: bool) -> None:
    """Print what the tasks of the services (of the one named) wrote in the last seconds, and go on if asked.

    The services are those of the ECS cluster, so that a stack whose `pulumi up` failed has logs, too.

    Args:
        session: of the environment.
        only: a service's name, empty for all.
        since: seconds back.
        task: a task's ID or its first characters, empty for all.
        follow: go on until interrupted.

    Raises:
        DeliveryError: the cluster has no such service, or its tasks write no logs to CloudWatch.
    """
    groups = _groups(session, only)
    start = int((time.time() - since) * 1000)
    seen: set[str] = set()
    while True:
        rows = [(row, name) for group, name in groups.items() for row in _events(session.clients, group, start)]
        for row, name in sorted(rows, key=lambda pair: pair[0]["timestamp"]):
            identity = row.get("logStreamName", "").rpartition("/")[2]
            if row["eventId"] not in seen and identity.startswith(task):
                seen.add(row["eventId"])
                when = datetime.fromtimestamp(row["timestamp"] / 1000, UTC).astimezone()
                print(paint(f"{when:%H:%M:%S} {name} {identity[:8]}", "grey"), row["message"].rstrip("\n"), flush=True)
        if not follow:
            return
        start = max([start, *(row["timestamp"] for row, _ in rows)])
        session.clock.sleep(POLL_SECONDS)


def _groups(session: Session, only: str) -> dict[str, str]:
    """Return the log groups of the cluster's services with the services' names."""
    services = ecs_service.of_cluster(session)
    chosen = {name: row for name, row in sorted(services.items()) if only in ("", name)}
    if not chosen:
        have = ", ".join(sorted(services)) or f"none; run: pulumi up -s {session.stack}"
        raise DeliveryError(f"stack {session.stack} has no service{f' {only!r}' if only else ''}; it has: {have}")
    return {_group(session, name, row): name for name, row in chosen.items()}


def _group(session: Session, name: str, row: ServiceTypeDef) -> str:
    balancers = row.get("loadBalancers", [])
    container = str(balancers[0].get("containerName", name)) if balancers else name
    definition = revisions.read(session.ecs, row["taskDefinition"], container)
    options = definition.container_definition.get("logConfiguration", {}).get("options", {})
    if "awslogs-group" not in options:
        raise DeliveryError(f"{definition.name} of {name} writes no logs to CloudWatch")
    return str(options["awslogs-group"])


def _events(clients: Clients, group: str, start: int) -> Iterator[FilteredLogEventTypeDef]:
    pages = clients("logs").get_paginator("filter_log_events").paginate(logGroupName=group, startTime=start)
    for page in pages:
        yield from page["events"]


def of_build(session: Session, action: str, execution: str, *, follow: bool) -> None:
    """Print the log of the build that an action of the pipeline ran: of an execution, or of the newest one with it.

    Args:
        session: of an environment that the pipeline deploys to.
        action: an action's name, or `Stage/Action` where several stages have one of that name.
        execution: an execution's id or its first characters; empty for the newest that ran the action.
        follow: go on until the build ends.

    Raises:
        DeliveryError: no such action ran.
    """
    name, clients = pipeline.of(session.environment).name, session.clients
    build = _build(clients, name, action, execution)
    group, stream = pipeline.build_log(clients, build)
    print(paint(f"{build} ({group} {stream})", "grey"), flush=True)
    place = Place(group=group, stream=stream)
    while True:
        over = clients("codebuild").batch_get_builds(ids=[build])["builds"][0]["buildStatus"] != "IN_PROGRESS"
        for text in _lines(clients, place):
            print(text, end="" if text.endswith("\n") else "\n", flush=True)
        if over or not follow:
            return
        session.clock.sleep(POLL_SECONDS)


def _build(clients: Clients, name: str, action: str, execution: str) -> str:
    client = clients("codepipeline")
    stage, _, wanted = action.rpartition("/")
    chosen = [pipeline.execution(client, name, execution)] if execution else pipeline.executions(client, name)
    for one in chosen:
        for (of_stage, of_action), row in pipeline.actions(client, name, one["pipelineExecutionId"]).items():
            build = pipeline.build_of(row)
            if build and of_action.lower() == wanted.lower() and stage.lower() in ("", of_stage.lower()):
                return build
    raise DeliveryError(
        f"no build of action {action!r} is found in pipeline {name}; its actions are shown by: delivery status"
    )


@dataclass(kw_only=True, slots=True)
class Place:
    """How far a log stream has been read: `token` is CloudWatch's, empty at the beginning."""

    group: str
    stream: str
    token: str = ""


def _lines(clients: Clients, place: Place) -> Iterator[str]:
    """Yield a stream's events that are new since the last call."""
    while True:
        wanted: GetLogEventsRequestTypeDef = {
            "logGroupName": place.group, "logStreamName": place.stream, "startFromHead": True,
        }  # fmt: skip
        if place.token:
            wanted["nextToken"] = place.token
        answer = clients("logs").get_log_events(**wanted)
        yield from (event["message"] for event in answer["events"])
        if answer["nextForwardToken"] == place.token or not answer["events"]:
            return
        place.token = answer["nextForwardToken"]


def ending(clients: Clients, row: ActionExecutionDetailTypeDef) -> list[str]:
    """Return the end of the log of an action's build that failed: the failing step of an image, where one is told.

    The last line is that in which delivery says why it failed, where it came so far. Empty where no log is found.
    """
    build = pipeline.build_of(row)
    if not build:
        return []
    try:
        group, stream = pipeline.build_log(clients, build)
        answer = clients("logs").get_log_events(logGroupName=group, logStreamName=stream, startFromHead=False)
    except (ClientError, DeliveryError) as error:
        return [f"(its log cannot be read: {code(error)})"] if code(error) == "AccessDeniedException" else []
    return end_of([line.rstrip() for event in answer["events"] for line in event["message"].splitlines()])


def end_of(lines: list[str]) -> list[str]:
    """Return the end of a failed build's log, as `ending` does."""
    told = max((number for number, line in enumerate(lines) if line.startswith(OURS)), default=len(lines) - 1)
    shown = lines[max(0, told + 1 - ENDING_LINES) : told + 1]
    heads = [number for number, line in enumerate(shown) if line.startswith(buildlog.HEADING)]
    return shown[heads[-1] :] if heads else shown[-SHOWN_LINES:]


def reason(end: list[str]) -> str:
    """Return the line of a log's end that says why the build failed; empty where delivery did not come so far."""
    return end[-1] if end and end[-1].startswith((OURS, "(")) else ""
