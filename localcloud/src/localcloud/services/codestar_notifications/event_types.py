"""The event types of pipelines, and those of a state change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.state.table import Doc

PREFIX = "codepipeline-pipeline-"
STATES = {
    "action": ("succeeded", "failed", "canceled", "started"),
    "stage": ("started", "succeeded", "resumed", "canceled", "failed"),
    "pipeline": ("failed", "canceled", "started", "resumed", "succeeded", "superseded"),
}
APPROVALS = ("failed", "needed", "succeeded")
EVENT_TYPES = {
    **{
        f"{PREFIX}{what}-execution-{state}": f"{what.capitalize()} execution: {state.capitalize()}"
        for what, states in STATES.items()
        for state in states
    },
    **{f"{PREFIX}manual-approval-{state}": f"Manual approval: {state.capitalize()}" for state in APPROVALS},
}
"""Names of the event types by AWS's identifiers."""
CANCELED = ("STOPPED", "ABANDONED", "CANCELED")


def described(key: str) -> Doc:
    """Return an event type as the API returns it."""
    return {
        "EventTypeId": key,
        "ServiceName": "CodePipeline",
        "EventTypeName": EVENT_TYPES[key],
        "ResourceType": "Pipeline",
    }


def types_of(event: Doc) -> list[str]:
    """Return the event types of a state change of CodePipeline; one of an approval is also one of an action."""
    what = event["detail-type"].split()[1].lower()
    state = event["detail"]["state"]
    state = "canceled" if state in CANCELED else state.lower()
    found = [f"{PREFIX}{what}-execution-{state}"]
    if what == "action" and event["detail"]["type"]["category"] == "Approval":
        found.append(f"{PREFIX}manual-approval-{'needed' if state == 'started' else state}")
    return [key for key in found if key in EVENT_TYPES]
