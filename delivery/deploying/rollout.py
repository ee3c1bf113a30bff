"""A rollout: one service deployment of ECS, from its beginning to its end.

What is followed is the deployment that our own UpdateService began, never "the primary one": after a circuit
breaker's rollback the rollback is primary and complete, and following it would report a success.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from delivery.deploying import ecs_service
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_ecs import ECSClient
    from types_boto3_ecs.type_defs import (
        ContainerTypeDef,
        CreatedAtTypeDef,
        ServiceDeploymentBriefTypeDef,
        ServiceDeploymentTypeDef,
    )

    from delivery.environment import Service
    from delivery.session import Session

OVER = frozenset({"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"})
POLL_SECONDS = 1.0
FIND_SECONDS = 60  # how long the service deployment of an accepted UpdateService may stay unlisted
ROLLOUT_SECONDS = 15 * 60  # with the way back below the 60 minutes of the build project that runs it
BACK_SECONDS = 6 * 60
STOPPED_TASKS = 3
HINT = 100


class RolloutError(DeliveryError):
    """A rollout ended otherwise than with success: the message is ECS's reason."""


@dataclass(kw_only=True)
class Rollout:
    """A service deployment that is followed since `began`; `seen` holds the events that were there before."""

    session: Session
    service: Service
    arn: str
    revision: str
    began: float
    seen: set[str] = field(default_factory=set)
    shown: str = ""
    reason: str = ""

    def done(self, seconds: float) -> bool:
        """Look at it once, and write what is new; tell whether it has succeeded.

        Raises:
            RolloutError: it did not succeed (ECS's rollback, if any, is over then), or not within the time.
        """
        row = describe(self.session.ecs, self.arn)
        self._show(row)
        if row["status"] == "SUCCESSFUL":
            return True
        name = self.service.name
        if row["status"] in OVER:
            raise RolloutError(f"{name}: {self._why(row)}")
        if self.session.clock.now() > self.began + seconds:
            raise RolloutError(f"{name}: the rollout is {row['status']} after {seconds / 60:.0f} minutes")
        return False

    def _show(self, row: ServiceDeploymentTypeDef) -> None:
        """Write what is new: state and counts, the service's events, why tasks stopped."""
        target = row.get("targetServiceRevision", {})
        failures = row.get("deploymentCircuitBreaker", {}).get("failureCount", 0)
        text = f"{target.get('runningTaskCount', 0)} of {target.get('requestedTaskCount', 0)} new tasks run"
        text = f"{row['status']}: {text}{f', {failures} failed' if failures else ''}"
        if row["status"].startswith("ROLLBACK") or row["status"] == "STOPPED":
            text = row["status"]
        if row.get("statusReason") and row["status"] != "SUCCESSFUL":
            text += f" ({row['statusReason']})"
            self.reason = self.reason or row["statusReason"]
        if text != self.shown:
            self.session.say(f"{self.service.name}: {text}")
            self.shown = text
        for event in reversed(ecs_service.describe(self.session, self.service)["events"]):
            if event["id"] not in self.seen:
                self.seen.add(event["id"])
                self.session.say(f"{self.service.name}: ECS: {event['message']}")

    def _why(self, row: ServiceDeploymentTypeDef) -> str:
        """Return why it failed: ECS's reason, and why its tasks stopped."""
        reasons = [self.reason or row.get("statusReason") or f"the service deployment is {row['status']}"]
        return " ".join([reasons[0].rstrip(), *self._stopped()])

    def _stopped(self) -> list[str]:
        """Return why tasks of the revision stopped, the same reason once."""
        ecs, cluster = self.session.ecs, self.session.environment.cluster
        arns = ecs.list_tasks(cluster=cluster, family=self.service.release_family, desiredStatus="STOPPED")["taskArns"]
        tasks = ecs.describe_tasks(cluster=cluster, tasks=arns[:HINT])["tasks"] if arns else []
        reasons: list[str] = []
        for task in tasks:
            if task["taskDefinitionArn"] != self.revision or task.get("stopCode") == "ServiceSchedulerInitiated":
                continue
            for reason in (task.get("stoppedReason", ""), *map(_exit, task["containers"])):
                if reason and reason not in reasons:
                    reasons.append(reason)
        return [f"Tasks stopped: {'; '.join(reasons[:STOPPED_TASKS])}"] if reasons else []


def follow(rollouts: Sequence[Rollout], seconds: float = ROLLOUT_SECONDS) -> None:
    """Wait, with progress lines, until all of the rollouts, which go on side by side, have succeeded.

    Raises:
        RolloutError: the first that did not, or not within the time since it began.
    """
    left = list(rollouts)
    while left := [one for one in left if not one.done(seconds)]:
        left[0].session.clock.sleep(POLL_SECONDS)


def _exit(container: ContainerTypeDef) -> str:
    code, reason = container.get("exitCode"), container.get("reason", "")
    if code:
        return f"container {container['name']} ended with exit code {code}{f' ({reason})' if reason else ''}"
    return str(reason)


def describe(ecs: ECSClient, arn: str) -> ServiceDeploymentTypeDef:
    """Return a service deployment.

    Raises:
        DeliveryError: ECS does not know it.
    """
    answer = ecs.describe_service_deployments(serviceDeploymentArns=[arn])
    if not answer["serviceDeployments"]:
        raise DeliveryError(f"ECS does not know the service deployment {arn}: {answer.get('failures')}")
    return answer["serviceDeployments"][0]


def begin(session: Session, service: Service, revision: str) -> Rollout:
    """Update a service to a revision and find the service deployment that this begins.

    Raises:
        DeliveryError: ECS lists no such deployment within a minute.
    """
    ecs, clock, cluster, name = session.ecs, session.clock, session.environment.cluster, service.ecs_service
    before = ecs_service.describe(session, service)
    window: CreatedAtTypeDef = {"after": before["deployments"][0]["createdAt"]} if before["deployments"] else {}
    known = {row["serviceDeploymentArn"] for row in _listed(ecs, cluster, name, window)}
    force = before["taskDefinition"] == revision  # nothing would begin else, and there would be nothing to follow
    ecs.update_service(cluster=cluster, service=name, taskDefinition=revision, forceNewDeployment=force)
    end = clock.now() + FIND_SECONDS
    while clock.now() < end:
        fresh = [row for row in _listed(ecs, cluster, name, window) if row["serviceDeploymentArn"] not in known]
        for row in fresh:
            if _definition(ecs, row.get("targetServiceRevisionArn", "")) == revision:
                seen = {event["id"] for event in before["events"]}
                arn = row["serviceDeploymentArn"]
                return Rollout(
                    session=session, service=service, arn=arn, revision=revision, began=clock.now(), seen=seen
                )
        clock.sleep(POLL_SECONDS / 4)
    raise DeliveryError(
        f"ECS took the update of {name} to {revision} but lists no service deployment for it after {FIND_SECONDS} s"
    )


def _listed(
    ecs: ECSClient, cluster: str, service: str, window: CreatedAtTypeDef
) -> list[ServiceDeploymentBriefTypeDef]:
    if not window:
        return ecs.list_service_deployments(cluster=cluster, service=service)["serviceDeployments"]
    found = ecs.list_service_deployments(cluster=cluster, service=service, createdAt=window)
    return found["serviceDeployments"]


def _definition(ecs: ECSClient, service_revision: str) -> str:
    """Return the task definition of a service revision, empty where ECS does not show it (yet)."""
    if not service_revision:
        return ""
    found = ecs.describe_service_revisions(serviceRevisionArns=[service_revision])["serviceRevisions"]
    return str(found[0].get("taskDefinition", "")) if found else ""
