"""The engine that runs the pipelines: stage locks, superseding, run orders, stops.

All state is in documents, and each pass over a pipeline is one transaction: after a kill, the next pass continues.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from localcloud.gateway import limits
from localcloud.services.codepipeline import conditions
from localcloud.services.codepipeline.state import LIVE

if TYPE_CHECKING:
    from localcloud.services.codepipeline.action_records import Ledger
    from localcloud.services.codepipeline.runner import Runner
    from localcloud.state.table import Doc

LOOK_SECONDS = 0.1
ROUNDS = 200
"""Maximum number of steps in one pass; more would be a bug."""
UPDATED = "The pipeline was updated while the execution was in progress"
LOG = logging.getLogger(__name__)


class Engine:
    """One loop over all pipelines that have executions in progress."""

    def __init__(self, ledger: Ledger, runner: Runner) -> None:
        """Initialize with the action records and the runner of actions."""
        self._ledger, self._runner = ledger, runner
        self._state, self._events = ledger.state, ledger.events
        self._wake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._waits = False

    def start(self) -> None:
        """Resume everything in progress."""
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop the loop; running actions continue."""
        if self._loop is not None:
            self._loop.cancel()
            with suppress(asyncio.CancelledError):
                await self._loop
        self._loop = None

    def wake(self) -> None:
        """Run a pass immediately."""
        self._wake.set()

    async def _run(self) -> None:
        while True:
            live = self._state.executions.values() if self._has_room() else []
            names = {row["pipeline"] for row in live if row["status"] in LIVE}
            for name in names:
                try:
                    with self._state.ctx.store.transaction():
                        self._look(name)
                except Exception:  # logged; the other pipelines continue
                    LOG.exception("the pipeline %s cannot go on", name)
            self._wake.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)

    def _has_room(self) -> bool:
        """Return whether the disk has space for another step; without it, pipelines stay where they are."""
        message = limits.no_room(self._state.ctx.state_dir)
        if message and not self._waits:
            LOG.warning("the pipelines wait: %s", message)
        self._waits = message is not None
        return not self._waits

    def _look(self, name: str) -> None:
        """Take every step that is possible now."""
        for _ in range(ROUNDS):
            live = [row for row in self._state.of_pipeline(name) if row["status"] in LIVE]
            changed = [self._step(row) for row in live if row["inside"]]
            waiting = [row for row in live if not row["inside"] and row["status"] in LIVE]
            changed += [self._halt(row) for row in waiting if row["status"] == "Stopping" or self._outdated(row)]
            changed.append(self._admit(name))
            if not any(changed):
                return

    def _halt(self, execution: Doc) -> bool:
        """End an execution that is waiting between stages, by request or since its pipeline was updated."""
        if execution["status"] == "Stopping":
            self._finish(execution, "Stopped")
        else:
            self._finish(execution, "Failed", UPDATED)
        return True

    def _admit(self, name: str) -> bool:
        """Let executions enter free stages; in SUPERSEDED mode, only the newest one waiting for a stage is kept."""
        pipeline = self._state.pipelines.rows[name]
        declaration = self._state.declaration(pipeline)
        live = [row for row in self._state.of_pipeline(name) if row["status"] == "InProgress"]
        busy = {row["stage"] for row in self._state.of_pipeline(name) if row["status"] in LIVE and row["inside"]}
        waiting = sorted((row for row in live if not row["inside"]), key=lambda row: int(row["number"]))
        changed = False
        for stage in dict.fromkeys(row["stage"] for row in waiting):
            rows = [row for row in waiting if row["stage"] == stage]
            if declaration["executionMode"] == "SUPERSEDED":
                for row in rows[:-1]:
                    row["supersededBy"] = rows[-1]["id"]
                    self._finish(row, "Superseded", f"Superseded by {rows[-1]['id']} in front of the stage {stage}")
                    changed = True
                rows = rows[-1:]
            if stage not in busy and pipeline["transitions"].get(stage, {}).get("enabled", True):
                self._enter(pipeline, rows[0])
                changed = True
        return changed

    def _enter(self, pipeline: Doc, execution: Doc) -> None:
        """Start an execution's next stage and lock the stage."""
        stage = execution["stage"]
        execution["inside"] = True
        execution["stages"][stage] = {"status": "InProgress", "actions": {}, "retries": 0}
        self._state.save(execution)
        pipeline["latest"][stage] = execution["id"]
        self._state.pipelines.save(pipeline["name"])
        self._events.stage(execution, stage, "STARTED")

    def _step(self, execution: Doc) -> bool:
        """Advance an execution within its stage; return whether anything changed."""
        record = execution["stages"][execution["stage"]]
        if execution["status"] == "Stopping" and execution["stop"]["abandon"]:
            self._abandon(execution, record)
            return True
        declared = self._state.stage(self._state.structure(execution), execution["stage"])
        if conditions.is_open(declared, record):
            return self._wait_outside(execution, declared, record)
        return self._run_actions(execution, declared, record)

    def _run_actions(self, execution: Doc, declared: Doc, record: Doc) -> bool:
        """Start and follow a stage's actions in their order; return whether anything changed."""
        for order in sorted({action["runOrder"] for action in declared["actions"]}):
            rows = [action for action in declared["actions"] if action["runOrder"] == order]
            missing = [row for row in rows if row["name"] not in record["actions"]]
            if missing and execution["status"] == "Stopping":
                return self._halt_stage(execution, record)
            if missing and self._outdated(execution):
                return self._fail(execution, record, UPDATED)
            for row in missing:
                self._runner.begin(execution, self._ledger.begin(execution, execution["stage"], row))
            actions = [self._state.actions.rows[record["actions"][row["name"]]] for row in rows]
            for action in actions:
                if action["status"] == "InProgress":
                    self._runner.look(execution, action)
            statuses = {action["status"] for action in actions}
            if "InProgress" in statuses:
                return False
            if statuses != {"Succeeded"}:
                failed = [row["action"] for row in actions if row["status"] == "Failed"]
                return self._fail(execution, record, f"{', '.join(failed)} failed in the stage {execution['stage']}")
        return self._fail(execution, record, UPDATED) if self._outdated(execution) else self._leave(execution, record)

    def _wait_outside(self, execution: Doc, declared: Doc, record: Doc) -> bool:
        """Run the stage's condition on entry; return whether anything changed."""
        run = conditions.latest(record)
        if execution["status"] == "Stopping" or self._outdated(execution):
            if run is not None:
                conditions.close(self._state, run, "Cancelled", "Abandoned")
            return self._fail(execution, record, UPDATED)
        run, changed = conditions.proceed(self._state, execution, declared, record)
        if run["status"] == "Failed":
            return self._fail(
                execution, record, f"The condition on entry of {declared['name']} failed: {run['summary']}"
            )
        if changed:
            self._state.save(execution)
        return changed

    def _outdated(self, execution: Doc) -> bool:
        """Return whether the pipeline has been updated since an execution began.

        AWS lets the running actions complete, then fails the stage and the execution (user guide, "Edit a pipeline").
        """
        return bool(execution["version"] != self._state.pipelines.rows[execution["pipeline"]]["version"])

    def _abandon(self, execution: Doc, record: Doc) -> None:
        """Stop an execution without waiting for its running actions."""
        for key in record["actions"].values():
            action = self._state.actions.rows[key]
            if action["status"] == "InProgress":
                self._runner.forget(action)
                self._ledger.abandon(execution, action)
        self._halt_stage(execution, record)

    def _halt_stage(self, execution: Doc, record: Doc) -> bool:
        record["status"] = "Stopped"
        self._events.stage(execution, execution["stage"], "STOPPED")
        self._finish(execution, "Stopped")
        return True

    def _fail(self, execution: Doc, record: Doc, reason: str) -> bool:
        """End a stage, and with it the execution, after a failure; release the lock."""
        if execution["status"] == "Stopping":
            return self._halt_stage(execution, record)
        record["status"] = "Failed"
        self._events.stage(execution, execution["stage"], "FAILED")
        self._finish(execution, "Failed", reason)
        return True

    def _leave(self, execution: Doc, record: Doc) -> bool:
        """End a successful stage: the execution waits for the next one, or is complete."""
        record["status"] = "Succeeded"
        self._events.stage(execution, execution["stage"], "SUCCEEDED")
        names = [stage["name"] for stage in self._state.structure(execution)["stages"]]
        rest = names[names.index(execution["stage"]) + 1 :]
        if not rest or execution["type"] == "ROLLBACK":
            self._finish(execution, "Succeeded")
        elif execution["status"] == "Stopping":
            self._finish(execution, "Stopped")
        else:
            execution["stage"], execution["inside"] = rest[0], False
            self._state.save(execution)
        return True

    def _finish(self, execution: Doc, status: str, summary: str = "") -> None:
        """End an execution."""
        execution["status"], execution["inside"], execution["summary"] = status, False, summary
        self._state.save(execution)
        LOG.info("%s: %s %s %s", execution["pipeline"], execution["id"], status, summary)
        self._events.pipeline(execution, status.upper())
