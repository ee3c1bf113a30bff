"""Waiting for the tests that run beside a build: nothing is pushed unless they have passed.

Both actions are of one stage, which CodePipeline runs one execution in at a time. The build waits at its end, where the
tests mostly are over, instead of being begun after them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from delivery.aws import pipeline
from delivery.errors import DeliveryError
from delivery.session import SYSTEM, Clock

if TYPE_CHECKING:
    from datetime import datetime

    from types_boto3_codepipeline.type_defs import ActionExecutionDetailTypeDef

    from delivery.aws.clients import Clients
    from delivery.aws.pipeline import Runs
    from delivery.console import Say

POLL_SECONDS = 2.0
PASSED, RUNNING = "Succeeded", "InProgress"
QUEUED = ("SUBMITTED", "QUEUED")
QUEUED_SECONDS = 300
"""How long the action's own build may be queued: an account that runs one build at a time queues it behind this one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PushAfter:
    """The action of an execution that has to succeed before that execution's images are pushed."""

    clients: Clients
    pipeline: str
    execution: str
    action: str
    say: Say
    clock: Clock = SYSTEM

    def wait(self) -> None:
        """Wait until the action has succeeded; the build's own time limit is the limit.

        Raises:
            DeliveryError: it failed, was stopped, or waits for this build to end.
        """
        told, end = False, self.clock.now() + QUEUED_SECONDS
        while (status := self._status()) != PASSED:
            if status != RUNNING:
                raise DeliveryError(
                    f"{self.action} of this execution is {status}, so the image is not pushed; correct what it names, "
                    f"or run both again: delivery retry --all"
                )
            if not told:
                self.say(f"waiting for {self.action}, which has to succeed before an image is pushed")
            told = True
            if self.clock.now() > end and self._is_queued():
                raise DeliveryError(
                    f"the build of {self.action} is still queued: this account runs one build at a time; ask for more "
                    f"(delivery doctor names the quota), or set slipway:pipeline.parallel_tests to false"
                )
            self.clock.sleep(POLL_SECONDS)

    def _status(self) -> str:
        """Return the status of the action; InProgress too where it is still to begin, as after a retry of both."""
        runs = self._runs()
        found = _named(runs, self.action)
        if found is None or (found["status"] != PASSED and self._is_earlier(found, runs)):
            return RUNNING
        return found["status"]

    def _is_queued(self) -> bool:
        found = _named(self._runs(), self.action)
        build = pipeline.build_of(found) if found else ""
        rows = self.clients("codebuild").batch_get_builds(ids=[build])["builds"] if build else []
        return any(row.get("currentPhase") in QUEUED for row in rows)

    def _runs(self) -> Runs:
        return pipeline.actions(self.clients("codepipeline"), self.pipeline, self.execution)

    @staticmethod
    def _is_earlier(row: ActionExecutionDetailTypeDef, runs: Runs) -> bool:
        """Whether an action had ended before this try of its stage began."""
        began: datetime | None = max(
            (one["startTime"] for one in runs.values() if one["status"] == RUNNING), default=None
        )
        return row["status"] != RUNNING and began is not None and row["lastUpdateTime"] < began


def _named(runs: Runs, action: str) -> ActionExecutionDetailTypeDef | None:
    return next((row for (_, name), row in runs.items() if name == action), None)
