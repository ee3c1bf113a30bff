"""A rollout: one ECS service deployment, followed from start to finish.

What is followed is the deployment that our own UpdateService began, never "the primary one": after a circuit
breaker's rollback the rollback is primary and complete, and following it would report a success.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from contract import limits
from delivery.deploying import canary, ecs_service, failed_tasks
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_ecs import ECSClient
    from types_boto3_ecs.type_defs import (
        CreatedAtTypeDef,
        LoadBalancerTypeDef,
        ServiceDeploymentBriefTypeDef,
        ServiceDeploymentTypeDef,
        UpdateServiceRequestTypeDef,
    )

    from delivery.deploying.canary import Canary
    from delivery.deploying.revisions import Revision
    from delivery.environment import Service
    from delivery.session import Session
    from diagnosis import Diagnosis

OVER = frozenset({"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"})
POLL_SECONDS = 1.0
ROLLOUT_SECONDS, BACK_SECONDS = limits.ROLLOUT_SECONDS, limits.BACK_SECONDS
FIND_SECONDS = 60  # how long the service deployment of an accepted UpdateService may stay unlisted


class RolloutError(DeliveryError):
    """A rollout did not succeed; the message is ECS's reason."""


@dataclass(kw_only=True)
class Rollout:
    """A service deployment followed since `began`; `seen` holds the IDs of events already reported.

    `canary` is that of the service, None for a rolling update.
    """

    session: Session
    service: Service
    arn: str
    revision: Revision
    began: float
    canary: Canary | None = None
    seen: set[str] = field(default_factory=set)
    shown: str = ""
    reason: str = ""

    def done(self, seconds: float) -> bool:
        """Poll once and report what is new; return whether the rollout has succeeded.

        Raises:
            RolloutError: it did not succeed (ECS's rollback, if any, is over then), or not within the time.
        """
        row = describe(self.session.ecs, self.arn)
        failures = self._failures(row)
        self._show(row, failures)
        if row["status"] == "SUCCESSFUL":
            return True
        name = self.service.name
        if row["status"] in OVER:
            raise RolloutError(f"{name}: {self._why(row)}")
        if self.canary and failures >= canary.threshold(
            row.get("targetServiceRevision", {}).get("requestedTaskCount", 0)
        ):
            raise RolloutError(
                f"{name}: {failures} of its new tasks failed, so the canary ends. {self._found()}".rstrip()
            )
        if self.session.clock.now() > self.began + seconds:
            raise RolloutError(f"{name}: the rollout is {row['status']} after {seconds / 60:.0f} minutes")
        return False

    def _failures(self, row: ServiceDeploymentTypeDef) -> int:
        """Return how many of the new tasks have failed: as the circuit breaker counts, which a canary does not have."""
        if self.canary is None:
            return row.get("deploymentCircuitBreaker", {}).get("failureCount", 0)
        if row["status"] != "IN_PROGRESS":
            return 0
        return canary.failed_tasks(self.session, self.service, self.revision, row["createdAt"])

    def _show(self, row: ServiceDeploymentTypeDef, failures: int) -> None:
        """Report what is new: status, task counts, which requests they get, and service events."""
        target = row.get("targetServiceRevision", {})
        text = f"{target.get('runningTaskCount', 0)} of {target.get('requestedTaskCount', 0)} new tasks run"
        text = f"{row['status']}: {text}{f', {failures} failed' if failures else ''}"
        if self.canary and (share := self.canary.progress(row)):
            text += f"; {share}"
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
        """Return why the rollout failed: ECS's reason and what its tasks show; their last lines are reported."""
        reason = (self.reason or row.get("statusReason") or f"the service deployment is {row['status']}").rstrip()
        return f"{reason} {self._found()}".rstrip()

    def _found(self) -> str:
        """Return what the tasks show, empty if nothing; their last lines are reported."""
        found = self._diagnosis()
        for line in str(found).splitlines() if found else ():
            self.session.say(f"{self.service.name}: {line}")
        return found.summary if found else ""

    def _diagnosis(self) -> Diagnosis | None:
        """Return why the tasks of the revision do not come up, None if nothing shows it, or if it cannot be read."""
        try:
            return failed_tasks.of_revision(self.session, self.service, self.revision)
        except (ClientError, BotoCoreError) as error:  # the release is put back in any case
            self.session.say(f"{self.service.name}: why its tasks do not come up cannot be read: {error}")
            return None


def follow(rollouts: Sequence[Rollout], seconds: float = ROLLOUT_SECONDS) -> None:
    """Wait, with progress lines, until all of the concurrent rollouts have succeeded.

    Raises:
        RolloutError: the first that did not, or not within the time since it began.
    """
    left = list(rollouts)
    while left := [one for one in left if not one.done(seconds)]:
        left[0].session.clock.sleep(POLL_SECONDS)
    for one in rollouts:
        if one.canary:
            canary.settle(one.session, one.service)


def describe(ecs: ECSClient, arn: str) -> ServiceDeploymentTypeDef:
    """Return a service deployment.

    Raises:
        DeliveryError: ECS does not know it.
    """
    answer = ecs.describe_service_deployments(serviceDeploymentArns=[arn])
    if not answer["serviceDeployments"]:
        raise DeliveryError(f"ECS does not know the service deployment {arn}: {answer.get('failures')}")
    return answer["serviceDeployments"][0]


def begin(session: Session, service: Service, revision: Revision, *, quick: bool = False) -> Rollout:
    """Update a service to a revision and return the service deployment that this starts; `quick` without a canary.

    Where the revision listens on another port than what runs, the load balancer's port moves with it: ECS takes both
    in one UpdateService (`loadBalancers`, for rolling updates), and puts both back where it rolls back, since a service
    revision holds its load balancers.

    Raises:
        DeliveryError: ECS lists no such deployment within a minute.
    """
    ecs, clock, cluster, name = session.ecs, session.clock, session.environment.cluster, service.ecs_service
    before = ecs_service.describe(session, service)
    window: CreatedAtTypeDef = {"after": before["deployments"][0]["createdAt"]} if before["deployments"] else {}
    known = {row["serviceDeploymentArn"] for row in _listed(ecs, cluster, name, window)}
    force = before["taskDefinition"] == revision.arn  # nothing would begin else, and there would be nothing to follow
    update: UpdateServiceRequestTypeDef = {
        "cluster": cluster,
        "service": name,
        "taskDefinition": revision.arn,
        "forceNewDeployment": force,
    }
    if wanted := canary.configuration(before, service, quick=quick):
        update["deploymentConfiguration"] = wanted
    held = before.get("loadBalancers", [])
    moved: list[LoadBalancerTypeDef] = [{**one, "containerPort": revision.port} for one in held]
    if moved != held and any("advancedConfiguration" in one for one in held):
        raise DeliveryError(
            f"{service.name}: {revision} listens on port {revision.port}, and the load balancer of a service with a "
            f"canary does not move to it; remove canary in an `up` of its own first: pulumi up -s {session.stack}"
        )
    if moved != held:
        session.say(f"{service.name}: the load balancer's port becomes {revision.port}")
        update["loadBalancers"] = moved
    ecs.update_service(**update)
    end = clock.now() + FIND_SECONDS
    while clock.now() < end:
        fresh = [row for row in _listed(ecs, cluster, name, window) if row["serviceDeploymentArn"] not in known]
        for row in fresh:
            if _definition(ecs, row.get("targetServiceRevisionArn", "")) == revision.arn:
                seen = {event["id"] for event in before["events"]}
                arn = row["serviceDeploymentArn"]
                return Rollout(
                    session=session,
                    service=service,
                    arn=arn,
                    revision=revision,
                    began=clock.now(),
                    canary=canary.of({**before, "deploymentConfiguration": wanted} if wanted else before),
                    seen=seen,
                )
        clock.sleep(POLL_SECONDS / 4)
    raise DeliveryError(
        f"ECS took the update of {name} to {revision.arn} but lists no service deployment for it after {FIND_SECONDS} s"
    )


def _listed(
    ecs: ECSClient, cluster: str, service: str, window: CreatedAtTypeDef
) -> list[ServiceDeploymentBriefTypeDef]:
    if not window:
        return ecs.list_service_deployments(cluster=cluster, service=service)["serviceDeployments"]
    found = ecs.list_service_deployments(cluster=cluster, service=service, createdAt=window)
    return found["serviceDeployments"]


def _definition(ecs: ECSClient, service_revision: str) -> str:
    """Return the task definition of a service revision, empty if ECS does not report it (yet)."""
    if not service_revision:
        return ""
    found = ecs.describe_service_revisions(serviceRevisionArns=[service_revision])["serviceRevisions"]
    return str(found[0].get("taskDefinition", "")) if found else ""
