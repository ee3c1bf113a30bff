"""Deployments, service deployments and service revisions: start, completion, failure and rollback."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.services.ecs import deployment_alarms, strategies
from localcloud.services.ecs.rolling_update import threshold
from localcloud.services.ecs.state import new_id, number

if TYPE_CHECKING:
    from localcloud.services.ecs.placement import Placement
    from localcloud.services.ecs.state import State
    from localcloud.state.table import Doc

SHAPING = (
    "taskDefinition", "loadBalancers", "networkConfiguration", "launchType", "capacityProviderStrategy",
    "platformVersion", "platformFamily", "serviceRegistries",
)  # fmt: skip
"""Members of a service whose change starts a new deployment."""
TERMINAL = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
NO_CANDIDATE = "No rollback candidate was found to run the rollback."
EXCEEDED = "the circuit breaker threshold was exceeded"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """What failed a deployment: the member of a service deployment that monitors it, if one does, and ECS's words."""

    monitor: str = ""
    who: str
    what: str
    because: str
    detail: str = ""
    """More about it, with a space before."""
    back: bool
    """Whether it is to be rolled back."""


class Rollouts:
    """State changes of a service's deployments, each persisted on return."""

    def __init__(self, state: State, placement: Placement) -> None:
        """Use ECS's documents, and where deployments that shift traffic are."""
        self._state, self._placement = state, placement

    def begin(self, service: Doc, *, forced: bool = False) -> None:
        """Start a primary deployment with the service's current settings, replacing the previous one."""
        before = primary(service)
        revision = self._revision(service)
        if before is not None:
            before["status"] = "ACTIVE"
            self._finish(before, "STOPPED", "Service deployment was replaced by a newer one.")
        print_ = "" if forced else fingerprint(service)
        deployment = self._deployment(service, revision, print_ or new_id())
        rollout = self._rollout(service, deployment, before)
        deployment["rollout"] = rollout["serviceDeploymentArn"]
        service["deployments"].insert(0, deployment)
        service["currentServiceDeployment"] = rollout["serviceDeploymentArn"]
        if strategies.advanced(service["loadBalancers"]):
            self._placement.begin(service, deployment, revision)
        if "canary" not in deployment:
            self._adopt(service, deployment)
        self._state.save_service(service)

    def succeed(self, service: Doc) -> None:
        """Mark the primary deployment as completed and remove the others."""
        deployment = primary(service)
        if deployment is None:
            return
        reason = f"ECS deployment {deployment['id']} completed."
        deployment.update(rolloutState="COMPLETED", rolloutStateReason=reason, updatedAt=time.time())
        del service["deployments"][1:]
        service["completedRevision"] = deployment["revision"]
        back = deployment["rollingBack"]
        self._finish(deployment, "ROLLBACK_SUCCESSFUL" if back else "SUCCESSFUL", None)
        self._state.event(service, f"(deployment {deployment['id']}) deployment completed.")
        self._state.event(service, "has reached a steady state.")
        self._state.save_service(service)

    def trip(self, service: Doc, detail: str) -> None:
        """Fail the primary deployment by the circuit breaker, and roll back if that is enabled and possible."""
        cause = Cause(
            monitor="deploymentCircuitBreaker",
            who="ECS deployment circuit breaker",
            what="tasks failed to start.",
            because=EXCEEDED,
            detail=f" {detail}",
            back=bool(breaker(service).get("rollback")),
        )
        self._fail(service, cause)

    def alarmed(self, service: Doc, names: list[str]) -> None:
        """Fail the primary deployment by its alarms, and roll back if that is enabled and possible."""
        deployment = primary(service)
        rollout = self._state.rollouts.get(deployment["rollout"]) if deployment else None
        if rollout is not None:
            rollout["alarms"]["triggeredAlarmNames"] = names
        cause = Cause(
            monitor="alarms",
            who="ECS deployment alarms",
            what="alarm detected.",
            because=f"the alarms [{', '.join(names)}] were triggered",
            back=bool(deployment_alarms.settings(service).get("rollback")),
        )
        self._fail(service, cause)

    def misled(self, service: Doc, why: str) -> None:
        """Fail the primary deployment since its traffic cannot be shifted, and roll back if possible."""
        because, _, detail = why.removesuffix(".").partition(". ")
        self._fail(
            service,
            Cause(who="ECS deployment", what="traffic cannot be shifted.", because=because, back=True,
                  detail=f" {detail}." if detail else ""),
        )  # fmt: skip

    def _fail(self, service: Doc, cause: Cause) -> None:
        """Fail the primary deployment, and roll back if that is wanted and possible."""
        deployment = primary(service)
        if deployment is None:
            return
        reason = f"{cause.who}: {cause.what}"
        deployment.update(rolloutState="FAILED", rolloutStateReason=reason, updatedAt=time.time())
        self._state.event(service, f"(deployment {deployment['id']}) deployment failed: {cause.what}{cause.detail}")
        rollout = self._state.rollouts.get(deployment["rollout"])
        if rollout is not None and cause.monitor:
            rollout[cause.monitor]["status"] = "TRIGGERED"
        why = f"because {cause.because}.{cause.detail}"
        if deployment["rollingBack"]:
            self._finish(deployment, "ROLLBACK_FAILED", f"Service deployment rollback failed {why}")
        elif not cause.back:
            self._finish(deployment, "STOPPED", f"Service deployment stopped {why}")
        elif not self.candidate(service, deployment):
            text = f"Service deployment failed because {cause.because}. {NO_CANDIDATE}{cause.detail}"
            self._finish(deployment, "ROLLBACK_FAILED", text)
        else:
            self.go_back(service, f"Service deployment rolled back {why}", cause.who)
        self._state.save_service(service)

    def candidate(self, service: Doc, deployment: Doc) -> str | None:
        """Return the service revision to roll back to: the last completed one, if it differs."""
        revision = service.get("completedRevision")
        return revision if revision and revision != deployment["revision"] else None

    def go_back(self, service: Doc, reason: str, who: str) -> None:
        """Start a deployment of the last completed service revision, within the same service deployment."""
        failed = service["deployments"][0]
        target = self.candidate(service, failed)
        revision = self._state.revisions.get(target or "")
        if revision is None:
            return
        given = service["loadBalancers"]
        for member in SHAPING:
            service[member] = revision.get(member)
        if "canary" in failed:
            service["loadBalancers"] = strategies.with_shifting(service["loadBalancers"], given)
        failed["status"] = "ACTIVE"
        deployment = self._deployment(service, revision, revision["fingerprint"])
        text = f"{who}: rolling back to deploymentId {deployment['id']}."
        deployment.update(rollingBack=True, rolloutStateReason=text, rollout=failed["rollout"])
        service["deployments"].insert(0, deployment)
        self._state.event(service, f"rolling back to deployment {deployment['id']}.")
        if strategies.advanced(service["loadBalancers"]):
            self._placement.go_back(service, deployment, revision)
        if "canary" not in deployment:
            self._adopt(service, deployment)
        rollout = self._state.rollouts.get(failed["rollout"])
        if rollout is not None:
            back = {"reason": reason, "startedAt": time.time(), "serviceRevisionArn": revision["serviceRevisionArn"]}
            rollout.update(status="ROLLBACK_IN_PROGRESS", statusReason=reason, rollback=back, updatedAt=time.time())
            self._state.rollouts.save(rollout["serviceDeploymentArn"])
        self._state.save_service(service)

    def abort(self, service: Doc) -> None:
        """Stop the primary deployment as it is, without rolling back."""
        deployment = service["deployments"][0]
        reason = "Service deployment stopped by a user."
        deployment.update(rolloutState="FAILED", rolloutStateReason=reason, updatedAt=time.time())
        self._finish(deployment, "STOPPED", reason)
        self._state.save_service(service)

    def started(self, deployment: Doc) -> None:
        """Move a service deployment from PENDING to IN_PROGRESS."""
        rollout = self._state.rollouts.get(deployment["rollout"])
        if rollout is not None and rollout["status"] == "PENDING":
            rollout.update(status="IN_PROGRESS", startedAt=time.time(), updatedAt=time.time())
            self._state.rollouts.save(rollout["serviceDeploymentArn"])

    def count(self, service: Doc, deployment: Doc) -> None:
        """Update the number of failed tasks in the service deployment."""
        rollout = self._state.rollouts.get(deployment["rollout"])
        if rollout is not None:
            rollout["deploymentCircuitBreaker"]["failureCount"] = deployment["failedTasks"]
            rollout["updatedAt"] = time.time()
            self._state.rollouts.save(rollout["serviceDeploymentArn"])
        self._state.save_service(service)

    def end(self, service: Doc, reason: str) -> None:
        """Stop the service deployments in progress, as the service is deleted."""
        for deployment in service["deployments"]:
            self._finish(deployment, "STOPPED", reason)

    def _finish(self, deployment: Doc, status: str, reason: str | None) -> None:
        rollout = self._state.rollouts.get(deployment["rollout"])
        if rollout is None or rollout["status"] in TERMINAL:
            return
        rollout.update(status=status, finishedAt=time.time(), updatedAt=time.time())
        if reason or not rollout.get("statusReason"):
            rollout["statusReason"] = reason
        if status == "STOPPED":
            rollout["stoppedAt"] = time.time()
        for monitor in ("deploymentCircuitBreaker", "alarms"):
            if rollout.get(monitor, {}).get("status") == "MONITORING":
                rollout[monitor]["status"] = "MONITORING_COMPLETE"
        self._state.rollouts.save(rollout["serviceDeploymentArn"])

    def _revision(self, service: Doc) -> Doc:
        path = service["serviceArn"].partition(":service/")[2]
        key = self._state.arn(f"service-revision/{path}/{number()}")
        doc = {member: service.get(member) for member in SHAPING} | {
            "serviceRevisionArn": key,
            "serviceArn": service["serviceArn"],
            "clusterArn": service["clusterArn"],
            "createdAt": time.time(),
            "guardDutyEnabled": False,
            "fingerprint": fingerprint(service),
        }
        return self._state.revisions.put(key, doc)

    def _deployment(self, service: Doc, revision: Doc, print_: str) -> Doc:
        # As on AWS, and required by the Terraform provider's waiter: a deployment has its service revision's number.
        key = f"ecs-svc/{revision['serviceRevisionArn'].rpartition('/')[2]}"
        if any(row["id"] == key for row in service["deployments"]):  # a rollback, beside the one it returns to
            key = f"ecs-svc/{number()}"
        return {member: service.get(member) for member in SHAPING} | {
            "id": key,
            "status": "PRIMARY",
            "desiredCount": service["desiredCount"],
            "failedTasks": 0,
            "createdAt": time.time(),
            "updatedAt": time.time(),
            "rolloutState": "IN_PROGRESS",
            "rolloutStateReason": f"ECS deployment {key} in progress.",
            "revision": revision["serviceRevisionArn"],
            "fingerprint": print_,
            "rollingBack": False,
            "retryAt": 0,
        }

    def _rollout(self, service: Doc, deployment: Doc, before: Doc | None) -> Doc:
        path = service["serviceArn"].partition(":service/")[2]
        key = self._state.arn(f"service-deployment/{path}/{number()}")
        enabled = breaker(service).get("enable")
        source = service.get("completedRevision") or (before["revision"] if before else None)
        doc = {
            "serviceDeploymentArn": key,
            "serviceArn": service["serviceArn"],
            "clusterArn": service["clusterArn"],
            "createdAt": deployment["createdAt"],
            "updatedAt": deployment["createdAt"],
            "status": "PENDING",
            "deploymentConfiguration": service["deploymentConfiguration"],
            "target": deployment["revision"],
            "sources": [source] if source else [],
            "requested": service["desiredCount"],
            "deploymentCircuitBreaker": {
                "status": "MONITORING" if enabled else "DISABLED",
                "failureCount": 0,
                "threshold": threshold(service["desiredCount"], breaker(service).get("thresholdConfiguration")),
            },
        } | deployment_alarms.begun(service, self._state.ctx.cloudwatch)
        return self._state.rollouts.put(key, doc)

    def _adopt(self, service: Doc, deployment: Doc) -> None:
        """Assign tasks that already match the deployment to it instead of replacing them."""
        alike = {row["id"] for row in service["deployments"][1:] if row["fingerprint"] == deployment["fingerprint"]}
        for task in self._state.tasks_of(service):
            if task["startedBy"] in alike and task["desiredStatus"] == "RUNNING":
                task["startedBy"] = deployment["id"]
                self._state.save_task(task)


def primary(service: Doc) -> Doc | None:
    """Return a service's primary deployment, or None."""
    deployments: list[Doc] = service["deployments"]
    return deployments[0] if deployments and deployments[0]["status"] == "PRIMARY" else None


def breaker(service: Doc) -> Doc:
    """Return a service's circuit breaker settings."""
    found: Doc = service["deploymentConfiguration"].get("deploymentCircuitBreaker") or {}
    return found


def fingerprint(service: Doc) -> str:
    """Return a string that is equal for services whose tasks are interchangeable."""
    members = {member: service.get(member) for member in SHAPING}
    return hashlib.sha256(json.dumps(members, sort_keys=True).encode()).hexdigest()
