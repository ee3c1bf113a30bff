"""Records of action executions: started, succeeded, failed, abandoned."""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING

from localcloud.services.codepipeline.state import identifier

if TYPE_CHECKING:
    from localcloud.services.codepipeline.events import Events
    from localcloud.services.codepipeline.state import State
    from localcloud.state.table import Doc

LETTERS = string.ascii_letters + string.digits
SUMMARY = 2048
"""Maximum length of a summary, AWS's."""


class Ledger:
    """Records action executions and emits their events."""

    def __init__(self, state: State, events: Events) -> None:
        """Initialize with the service's state and the event emitter."""
        self.state, self.events = state, events

    def begin(self, execution: Doc, stage: str, declared: Doc) -> Doc:
        """Record that an action has started and return its document."""
        state = self.state
        now = state.now()
        bucket = self.bucket(execution)
        outputs = [
            {"name": row["name"], "bucket": bucket, "key": artifact_key(execution["pipeline"], row["name"])}
            for row in declared["outputArtifacts"]
        ]
        inputs = [
            {"name": row["name"], **execution["artifacts"][row["name"]]}
            for row in declared["inputArtifacts"]
            if row["name"] in execution["artifacts"]
        ]
        action = {
            "id": identifier(),
            "execution": execution["id"],
            "pipeline": execution["pipeline"],
            "version": execution["version"],
            "stage": stage,
            "action": declared["name"],
            "type": declared["actionTypeId"],
            "declared": declared,
            "status": "InProgress",
            "started": now,
            "updated": now,
            "inputs": inputs,
            "outputs": outputs,
            "resolved": {},
            "variables": {},
        }
        state.actions.put(action["id"], action)
        execution["stages"][stage]["actions"][declared["name"]] = action["id"]
        state.save(execution)
        pipeline = state.pipelines.rows[execution["pipeline"]]
        pipeline["latestActions"][f"{stage}/{declared['name']}"] = action["id"]
        state.pipelines.save(pipeline["name"])
        return action

    def bucket(self, execution: Doc) -> str:
        """Return the artifact bucket in an execution's pipeline structure."""
        declaration = self.state.structure(execution)
        store = declaration.get("artifactStore") or declaration["artifactStores"][self.state.ctx.region]
        return str(store["location"])

    def succeed(self, execution: Doc, action: Doc, variables: dict[str, str]) -> None:
        """Record that an action succeeded: its artifacts and variables become available to later actions."""
        action["status"], action["variables"] = "Succeeded", variables
        for output in action["outputs"]:
            execution["artifacts"][output["name"]] = {"bucket": output["bucket"], "key": output["key"]}
        namespace = action["declared"].get("namespace")
        if namespace:
            execution["namespaces"][namespace] = variables
        self.state.save_action(action)
        self.state.save(execution)
        self.events.action(execution, action, "SUCCEEDED")

    def fail(self, execution: Doc, action: Doc, code: str, message: str) -> None:
        """Record that an action failed, with the error."""
        action["status"], action["error"] = "Failed", {"code": code, "message": message[:5000]}
        self.state.save_action(action)
        self.events.action(execution, action, "FAILED")

    def abandon(self, execution: Doc, action: Doc) -> None:
        """Record that an action was abandoned."""
        action["status"] = "Abandoned"
        self.state.save_action(action)
        self.events.action(execution, action, "ABANDONED")


def artifact_key(pipeline: str, artifact: str) -> str:
    """Return a new S3 key in AWS's form: <pipeline>/<artifact>/<random>, truncated to 20, 10 and 7 characters."""
    tail = "".join(secrets.choice(LETTERS) for _ in range(7))
    return f"{pipeline[:20]}/{artifact[:10]}/{tail}"
