"""Starting of pipelines on pushes and pull requests that come through a connection."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError
from localcloud.services.codepipeline.trigger_rules import HEADS, PROVIDER, explicit, fires

if TYPE_CHECKING:
    from localcloud.github import Event
    from localcloud.services.codeconnections import CodeConnections
    from localcloud.services.codepipeline.execution_starts import Starter
    from localcloud.services.codepipeline.state import State
    from localcloud.state.table import Doc

ZEROS = "0" * 40
LOG = logging.getLogger(__name__)


class Triggers:
    """Listens to GitHub events for all pipelines with a connection source."""

    def __init__(self, state: State, starter: Starter, connections: CodeConnections) -> None:
        """Initialize with the service's state, the starter of executions and the connections."""
        self._state, self._starter, self._connections = state, starter, connections

    def heard(self, event: Event) -> None:
        """Start every pipeline that an event triggers; a repeated event starts nothing."""
        for pipeline in self._state.pipelines.values():
            for action in self._state.declaration(pipeline)["stages"][0]["actions"]:
                if action["actionTypeId"]["provider"] == PROVIDER:
                    try:
                        self._consider(pipeline, action, event)
                    except ApiError as error:
                        LOG.warning("%s: not started by %s: %s", pipeline["name"], event.ref, error.message)

    def _consider(self, pipeline: Doc, action: Doc, event: Event) -> None:
        configuration, name = action["configuration"], action["name"]
        if configuration["FullRepositoryId"].lower() != event.repository.lower():
            return
        git = explicit(self._state.declaration(pipeline), name)
        if not self._wanted(git, configuration, event):
            return
        if not pipeline["connected"].get(name):
            LOG.warning(
                "%s: %s of %s does not start it: its connection was not AVAILABLE when the pipeline was made or "
                "updated last, and AWS may never trigger such a pipeline: update it",
                pipeline["name"], event.kind, event.repository,
            )  # fmt: skip
            return
        key = configuration["ConnectionArn"]
        if self._connections.status(key) != "AVAILABLE":
            LOG.warning("%s: not started: the connection %s is gone or not AVAILABLE", pipeline["name"], key)
            return
        mark = f"{name}|{event.kind}|{event.number or event.ref}"
        told = f"{event.action}|{event.before}|{event.after}"
        if pipeline["pushed"].get(mark) == told:
            LOG.info("%s: %s of %s was told before", pipeline["name"], event.ref, event.after)
            return
        with self._state.ctx.store.transaction():
            pipeline["pushed"][mark] = told
            self._state.pipelines.save(pipeline["name"])
            self._start(pipeline, name, key, git, event)

    def _wanted(self, git: Doc | None, configuration: Doc, event: Event) -> bool:
        """Return whether an event triggers the pipeline."""
        if event.kind == "push" and event.after == ZEROS:
            return False
        if git is not None:
            return fires(git, event)
        detects = configuration.get("DetectChanges", "true").lower() == "true"
        return detects and event.kind == "push" and event.ref == f"{HEADS}{configuration['BranchName']}"

    def _start(self, pipeline: Doc, action: str, connection: str, git: Doc | None, event: Event) -> None:
        """Start an execution: of the event's commit if a trigger is declared, otherwise of the branch's tip."""
        if git is None:
            self._starter.start(pipeline, "Webhook", connection)
            return
        pull = event.kind == "pull_request"
        sha, branch = (event.head_sha, event.head_branch) if pull else (event.after, "")
        if event.ref.startswith(HEADS) and not pull:
            branch = event.ref.removeprefix(HEADS)
        detail: Doc = {
            "connectionArn": connection,
            "repository": event.repository,
            "event": event.kind,
            "ref": event.ref,
            "commit": sha,
        }
        if pull:
            detail |= {"pullRequest": event.number, "action": event.action}
        revisions = {action: {"sha": sha, "branch": branch}}
        self._starter.start(pipeline, "WebhookV2", json.dumps(detail), revisions=revisions)
