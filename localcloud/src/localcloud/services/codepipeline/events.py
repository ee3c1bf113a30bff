"""State changes as AWS tells them, with what its notifications add, handed to whoever listens."""

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
    """Makes the events and hands them on."""

    def __init__(self, state: State) -> None:
        """Start without listeners."""
        self._state = state
        self.listeners: list[Callable[[Doc], None]] = []

    def pipeline(self, execution: Doc, status: str) -> None:
        """Tell of a pipeline execution."""
        self._tell("Pipeline", execution, {"state": status, "execution-trigger": trigger(execution)})

    def stage(self, execution: Doc, stage: str, status: str) -> None:
        """Tell of a stage."""
        self._tell("Stage", execution, {"stage": stage, "state": status})

    def action(self, execution: Doc, action: Doc, status: str) -> None:
        """Tell of an action, with its result where it has one and the approval's data where it needs one."""
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
            except Exception:  # logged; the other listeners are told
                LOG.exception("a listener to %s failed", event["detail-type"])

    def _additional(self, execution: Doc, detail: Doc) -> Doc:
        """Return what notifications say besides: which actions failed, what an approval is about."""
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
    """Return what started an execution as the events show it."""
    return {
        "trigger-type": execution["trigger"]["triggerType"],
        "trigger-detail": execution["trigger"]["triggerDetail"],
    }
