"""Manual approvals: a token, a message to a topic, and a decision by a person or a timeout."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError
from localcloud.services.clients import client
from localcloud.services.codepipeline.state import identifier

if TYPE_CHECKING:
    from localcloud.services.codepipeline.action_records import Ledger
    from localcloud.services.codepipeline.background_jobs import Background
    from localcloud.state.table import Doc

DEFAULT_MINUTES = 7 * 24 * 60
SUBJECT = 100
"""Maximum length of a subject, SNS's."""


class Approvals:
    """Runs the Approval/AWS/Manual actions."""

    def __init__(self, ledger: Ledger, background: Background) -> None:
        """Initialize with the action records and the background threads."""
        self._ledger, self._background = ledger, background

    def begin(self, execution: Doc, action: Doc) -> None:
        """Start waiting for a decision; notify the topic."""
        minutes = int(action["declared"].get("timeoutInMinutes", DEFAULT_MINUTES))
        action["token"] = identifier()
        action["expires"] = self._ledger.state.now() + minutes * 60
        action["minutes"] = minutes
        self._ledger.state.save_action(action)
        self._tell(execution, action)

    def look(self, execution: Doc, action: Doc) -> None:
        """Check whether the timeout has passed and whether the notification was sent."""
        if self._ledger.state.now() >= action["expires"]:
            self.forget(action)
            text = f"Approval timed out: nobody approved or rejected it within {action['minutes']} minutes"
            self._ledger.fail(execution, action, "ApprovalTimedOut", text)
        elif self._background.has(action["id"]):
            done, _ = self._background.taken(action["id"])
            if done:
                action["told"] = True
                self._ledger.state.save_action(action)
        elif not action.get("told"):
            self._tell(execution, action)

    def forget(self, action: Doc) -> None:
        """Stop following the action."""
        self._background.forget(action["id"])

    def decide(self, execution: Doc, action: Doc, *, approved: bool, summary: str) -> None:
        """Record a person's decision."""
        self.forget(action)
        action["summary"], action["updatedBy"] = summary, self._ledger.state.caller
        if approved:
            self._ledger.succeed(execution, action, {})
        else:
            text = f"Rejected by {self._ledger.state.caller}" + (f": {summary}" if summary else "")
            self._ledger.fail(execution, action, "JobFailed", text)

    def _tell(self, execution: Doc, action: Doc) -> None:
        topic = action["resolved"].get("NotificationArn")
        if topic is None:
            action["told"] = True
            self._ledger.state.save_action(action)
        else:
            self._background.start(action["id"], self._publish, topic, execution["pipeline"], message(self, action))

    def _publish(self, topic: str, pipeline: str, body: Doc) -> None:
        subject = f"APPROVAL NEEDED: AWS CodePipeline {pipeline} for action {body['approval']['actionName']}"
        sns = client(self._ledger.state.ctx, "sns")
        try:
            sns.publish(TopicArn=topic, Subject=subject[:SUBJECT], Message=json.dumps(body))
        except Exception as error:  # any failure becomes the action's error
            text = f"The topic {topic} cannot be told of the approval: {error}"
            raise ApiError("ConfigurationError", text) from error

    def link(self, action: Doc) -> str:
        """Return the console URL to review an approval."""
        tail = f"{action['stage']}/{action['action']}/approve/{action['token']}"
        return self._ledger.state.console(action["pipeline"], f"view/{tail}")

    def console(self, action: Doc) -> str:
        """Return the console URL of an approval's pipeline."""
        return self._ledger.state.console(action["pipeline"])

    @property
    def region(self) -> str:
        """Return the region."""
        return self._ledger.state.ctx.region


def message(approvals: Approvals, action: Doc) -> Doc:
    """Return the notification of an approval, in the format that AWS documents."""
    configuration = action["resolved"]
    expires = datetime.fromtimestamp(action["expires"], UTC)
    approval = {
        "pipelineName": action["pipeline"],
        "stageName": action["stage"],
        "actionName": action["action"],
        "token": action["token"],
        "expires": expires.strftime("%Y-%m-%dT%H:%MZ"),
        "externalEntityLink": configuration.get("ExternalEntityLink"),
        "approvalReviewLink": approvals.link(action),
        "customData": configuration.get("CustomData"),
    }
    return {
        "region": approvals.region,
        "consoleLink": approvals.console(action),
        "approval": {key: value for key, value in approval.items() if value is not None},
    }
