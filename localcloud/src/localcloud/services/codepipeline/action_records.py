"""How action executions are written down: begun, succeeded, failed, abandoned."""

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
"""AWS's limit of a summary."""


class Ledger:
    """Writes action executions and tells of them."""

    def __init__(self, state: State, events: Events) -> None:
        """Take the documents and who is told."""
        self.state, self.events = state, events

    def begin(self, execution: Doc, stage: str, declared: Doc) -> Doc:
        """Write down that an action starts; returns its document."""
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
        """Return the artifact bucket of an execution's structure."""
        declaration = self.state.structure(execution)
        store = declaration.get("artifactStore") or declaration["artifactStores"][self.state.ctx.region]
        return str(store["location"])

    def succeed(self, execution: Doc, action: Doc, variables: dict[str, str]) -> None:
        """Write down that an action succeeded: its artifacts and variables are there for the next ones."""
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
        """Write down that an action failed, and why."""
        action["status"], action["error"] = "Failed", {"code": code, "message": message[:5000]}
        self.state.save_action(action)
        self.events.action(execution, action, "FAILED")

    def abandon(self, execution: Doc, action: Doc) -> None:
        """Write down that nobody waits for an action any more."""
        action["status"] = "Abandoned"
        self.state.save_action(action)
        self.events.action(execution, action, "ABANDONED")


def artifact_key(pipeline: str, artifact: str) -> str:
    """Return a fresh S3 key in AWS's form: <pipeline>/<artifact>/<random>, shortened to 20, 10 and 7 characters."""
    tail = "".join(secrets.choice(LETTERS) for _ in range(7))
    return f"{pipeline[:20]}/{artifact[:10]}/{tail}"
