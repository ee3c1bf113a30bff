"""A build's phases: their start and end in its document."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.state.table import Doc

BEFORE_COMMANDS = ("SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE")


def enter(build: Doc, phase: str, now: float) -> None:
    """Start a phase; the previous one must have ended."""
    build["currentPhase"] = phase
    build["phases"].append({"phaseType": phase, "startTime": now})


def leave(build: Doc, state: str, now: float, code: str = "", message: str = "") -> None:
    """End the current phase, if there is one.

    Args:
        build: the build.
        state: SUCCEEDED, FAILED, FAULT, TIMED_OUT or STOPPED.
        now: seconds since 1970.
        code: the context's status code, e.g. COMMAND_EXECUTION_ERROR.
        message: the context's message.
    """
    row = build["phases"][-1]
    if "phaseStatus" in row:
        return
    row |= {"phaseStatus": state, "endTime": now, "durationInSeconds": max(round(now - row["startTime"]), 0)}
    row["contexts"] = [{"statusCode": code, "message": message}]


def restart(build: Doc) -> None:
    """Requeue a build that has not run any command, discarding its phases except SUBMITTED."""
    build["phases"] = build["phases"][:1]
    build["currentPhase"] = "SUBMITTED"


def complete(build: Doc, status: str, now: float) -> None:
    """Mark the build as complete."""
    leave(build, status, now)
    build["phases"].append({"phaseType": "COMPLETED", "startTime": now})
    build |= {"currentPhase": "COMPLETED", "buildStatus": status, "buildComplete": True, "endTime": now}


def failure(build: Doc) -> str:
    """Return why a build failed, in one line: the message of the first phase context that has one."""
    for row in build["phases"]:
        if row.get("phaseStatus", "SUCCEEDED") != "SUCCEEDED":
            contexts = row.get("contexts") or [{}]
            text = f"{row['phaseType']} {row['phaseStatus']}: {contexts[0].get('statusCode', '')}"
            return f"{text}: {contexts[0].get('message', '')}".strip(": ")
    return str(build["buildStatus"])
