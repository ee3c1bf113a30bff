"""AWS's state change events, with the additional attributes of notifications, passed to listeners."""

from __future__ import annotations

import logging
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.services.codepipeline.state import State
    from localcloud.state.table import Doc

LOG = logging.getLogger(__name__)


class Events:
    """Creates the events and passes them to listeners."""

    def __init__(self, state: State) -> None:
        """Initialize without listeners."""
        self._state = state
        self.listeners: list[Callable[[Doc], None]] = []

    def pipeline(self, execution: Doc, status: str) -> None:
        """Emit an event for a pipeline execution."""
        self._tell("Pipeline", execution, {"state": status, "execution-trigger": trigger(execution)})

    def stage(self, execution: Doc, stage: str, status: str) -> None:
        """Emit an event for a stage."""
        self._tell("Stage", execution, {"stage": stage, "state": status})

    def action(self, execution: Doc, action: Doc, status: str) -> None:
        """Emit an event for an action, with its result if it has one, and with the approval's data if it needs one."""
        detail: dict[str, Any] = {
            "stage": action["stage"],
            "action": action["action"],
            "action-execution-id": action["id"],
            "state": status,
            "type": action["type"],
            "region": self._state.ctx.region,
        }
        error = action.get("error")
        result = {
            "external-execution-id": action.get("externalId"),
            "external-execution-url": action.get("externalUrl"),
            "external-execution-summary": (error or {}).get("message") or action.get("summary"),
            "error-code": error and error["code"],
        }
        if any(result.values()):
            detail["execution-result"] = {key: value for key, value in result.items() if value}
        self._tell("Action", execution, detail)

    def _tell(self, what: str, execution: Doc, detail: Doc) -> None:
        moment = datetime.fromtimestamp(self._state.now(), UTC)
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": f"CodePipeline {what} Execution State Change",
            "source": "aws.codepipeline",
            "account": self._state.ctx.account,
            "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self._state.ctx.region,
            "resources": [self._state.arn(execution["pipeline"])],
            "detail": {
                "pipeline": execution["pipeline"],
                "execution-id": execution["id"],
                "start-time": datetime.fromtimestamp(execution["started"], UTC).isoformat(timespec="milliseconds"),
                "version": float(execution["version"]),
                "pipeline-execution-attempt": 1.0,
                **detail,
            },
            "additionalAttributes": self._additional(execution, detail),
        }
        for listener in self.listeners:
            try:
                listener(event)
            except Exception:  # logged; the other listeners get the event
                LOG.exception("a listener to %s failed", event["detail-type"])

    def _additional(self, execution: Doc, detail: Doc) -> Doc:
        """Return the additional attributes of notifications: the failed actions, the data of an approval."""
        record = execution["stages"].get(execution["stage"], {"actions": {}})
        actions = [self._state.actions.rows[key] for key in record["actions"].values()]
        if detail["state"] == "FAILED":
            failed = [row for row in actions if row["status"] == "Failed"]
            rows = [{"action": row["action"], "additionalInformation": row["error"]["message"]} for row in failed]
            return {"failedActionCount": len(rows), "failedActions": rows, "failedStage": execution["stage"]}
        if detail.get("type", {}).get("category") == "Approval":
            configuration = next(row for row in actions if row["id"] == detail["action-execution-id"])["resolved"]
            names = {"externalEntityLink": "ExternalEntityLink", "customData": "CustomData"}
            return {name: configuration[key] for name, key in names.items() if key in configuration}
        return {}


def trigger(execution: Doc) -> Doc:
    """Return an execution's trigger as the events show it."""
    return {
        "trigger-type": execution["trigger"]["triggerType"],
        "trigger-detail": execution["trigger"]["triggerDetail"],
    }
