"""Starting executions, for any trigger."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError
from localcloud.services.codepipeline.state import LIVE, State, identifier

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.services.codepipeline.events import Events
    from localcloud.state.table import Doc

LOG = logging.getLogger(__name__)
QUEUE = 50
"""Maximum number of executions in progress of a QUEUED pipeline."""


class Starter:
    """Creates executions; the engine runs them."""

    def __init__(self, state: State, events: Events) -> None:
        """Initialize with the service's state and the event emitter; `wake` is set by the engine."""
        self._state, self._events = state, events
        self.wake: Callable[[], None] = lambda: None

    def start(
        self,
        pipeline: Doc,
        trigger: str,
        detail: str,
        *,
        variables: dict[str, str] | None = None,
        revisions: dict[str, dict[str, str]] | None = None,
    ) -> str:
        """Start an execution of the pipeline's current structure.

        Args:
            pipeline: the pipeline's document.
            trigger: AWS's trigger type.
            detail: the trigger detail; truncated to AWS's limit.
            variables: values of pipeline variables by name.
            revisions: the revisions that source actions use instead of their branch's tip, by action: "sha", "branch".

        Returns:
            The execution's identifier.

        Raises:
            ApiError: a variable is unknown, or too many executions are in progress.
        """
        declaration = self._state.declaration(pipeline)
        values = self._variables(declaration, variables or {})
        if declaration["executionMode"] == "QUEUED":
            live = [row for row in self._state.of_pipeline(pipeline["name"]) if row["status"] in LIVE]
            if len(live) >= QUEUE:
                text = f"Pipeline {pipeline['name']} has {QUEUE} executions under way"
                raise ApiError("ConcurrentPipelineExecutionsLimitExceededException", text)
        execution = self.blank(pipeline, declaration, trigger, detail)
        execution |= {"variables": values, "overrides": revisions or {}}
        return self.add(execution)

    def blank(self, pipeline: Doc, declaration: Doc, trigger: str, detail: str) -> Doc:
        """Return a new execution waiting for the first stage; it is not saved yet."""
        now = self._state.now()
        pipeline["started"] = pipeline.get("started", 0) + 1
        self._state.pipelines.save(pipeline["name"])
        return {
            "id": identifier(),
            "pipeline": pipeline["name"],
            "version": pipeline["version"],
            "number": pipeline["started"],
            "status": "InProgress",
            "mode": declaration["executionMode"],
            "type": "STANDARD",
            "started": now,
            "updated": now,
            "trigger": {"triggerType": trigger, "triggerDetail": detail[:1024]},
            "variables": {},
            "overrides": {},
            "revisions": {},
            "artifacts": {},
            "namespaces": {},
            "stages": {},
            "stage": declaration["stages"][0]["name"],
            "inside": False,
        }

    def add(self, execution: Doc) -> str:
        """Save an execution and wake the engine."""
        self._state.executions.put(execution["id"], execution)
        trigger = execution["trigger"]
        LOG.info("%s: %s started by %s", execution["pipeline"], execution["id"], trigger["triggerType"])
        self._events.pipeline(execution, "STARTED")
        self.wake()
        return str(execution["id"])

    def _variables(self, declaration: Doc, given: dict[str, str]) -> dict[str, str]:
        declared = {row["name"]: row.get("defaultValue") for row in declaration.get("variables", [])}
        for name in given:
            if name not in declared:
                text = f"Pipeline {declaration['name']} declares no variable {name}"
                raise ApiError("ValidationException", text)
        values = {name: given.get(name, default) for name, default in declared.items()}
        missing = [name for name, value in values.items() if value is None]
        if missing:
            text = f"Pipeline {declaration['name']}: {', '.join(missing)} has no default value and none is given"
            raise ApiError("ValidationException", text)
        return {name: str(value) for name, value in values.items()}
