"""Operations on service deployments and service revisions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError, Params
from localcloud.services.ecs.canary import is_cleaning
from localcloud.services.ecs.rollouts import TERMINAL
from localcloud.services.ecs.services import counts, revision_counts
from localcloud.services.ecs.state import failure

if TYPE_CHECKING:
    from localcloud.services.ecs.rollouts import Rollouts
    from localcloud.services.ecs.scheduler import Scheduler
    from localcloud.services.ecs.state import State
    from localcloud.state.table import Doc

BY_USER = "Service deployment stopped by a user."


class RolloutOperations:
    """List, describe and stop service deployments; describe service revisions."""

    def __init__(self, state: State, rollouts: Rollouts, scheduler: Scheduler) -> None:
        """Use ECS's documents, deployments and the scheduler."""
        self._state, self._rollouts, self._scheduler = state, rollouts, scheduler

    def list_service_deployments(self, params: Params) -> Params:
        """Return a service's deployments by status and creation time, newest first."""
        service = self._state.service(params.get("cluster"), params["service"])
        rows = [row for row in self._state.rollouts.values() if row["serviceArn"] == service["serviceArn"]]
        rows.sort(key=lambda row: -row["createdAt"])
        if params.get("status"):
            rows = [row for row in rows if row["status"] in params["status"]]
        window = params.get("createdAt", {})
        if "after" in window:
            rows = [row for row in rows if row["createdAt"] >= window["after"].timestamp()]
        if "before" in window:
            rows = [row for row in rows if row["createdAt"] <= window["before"].timestamp()]
        most, start = params.get("maxResults", 20), int(params.get("nextToken", 0))
        more = {"nextToken": str(start + most)} if start + most < len(rows) else {}
        page = [row | {"targetServiceRevisionArn": row["target"]} for row in rows[start : start + most]]
        return {"serviceDeployments": page} | more

    def describe_service_deployments(self, params: Params) -> Params:
        """Return service deployments by ARN, with failures for missing ones."""
        found, missing = [], []
        for key in params["serviceDeploymentArns"]:
            row = self._state.rollouts.get(key)
            if row is None:
                missing.append(failure(key))
            else:
                found.append(self._view(row))
        return {"serviceDeployments": found, "failures": missing}

    def describe_service_revisions(self, params: Params) -> Params:
        """Return service revisions by ARN, with failures for missing ones."""
        found, missing = [], []
        for key in params["serviceRevisionArns"]:
            row = self._state.revisions.get(key)
            if row is None:
                missing.append(failure(key))
            else:
                found.append(row | {"containerImages": self._images(row)})
        return {"serviceRevisions": found, "failures": missing}

    def stop_service_deployment(self, params: Params) -> Params:
        """Stop a service deployment in progress: roll back (ROLLBACK) or leave everything as it is (ABORT)."""
        key = params["serviceDeploymentArn"]
        row = self._state.rollouts.get(key)
        if row is None:
            raise ApiError("ServiceDeploymentNotFoundException", f"Service deployment not found: {key}")
        service = self._state.services.get(row["serviceArn"])
        if row["status"] in TERMINAL or service is None or service["deployments"][0]["rollout"] != key:
            raise ApiError("ConflictException", f"The service deployment is {row['status']} and cannot be stopped.")
        kind = params.get("stopType", "ROLLBACK")
        if kind == "ROLLBACK" and row["status"] == "ROLLBACK_IN_PROGRESS":
            raise ApiError("ConflictException", "The service deployment is being rolled back already.")
        if is_cleaning(service["deployments"][0]):
            raise ApiError("ConflictException", "The service deployment is in CLEAN_UP and cannot be stopped.")
        if kind == "ABORT":
            self._rollouts.abort(service)
        elif kind != "ROLLBACK" or self._rollouts.candidate(service, service["deployments"][0]) is None:
            text = (
                "there is no completed service revision to roll back to" if kind == "ROLLBACK" else f"stopType {kind}"
            )
            raise ApiError("InvalidParameterException", f"The service deployment cannot be stopped: {text}.")
        else:
            row.update(status="ROLLBACK_REQUESTED", stoppedAt=time.time(), updatedAt=time.time())
            self._state.rollouts.save(key)
            self._rollouts.go_back(service, BY_USER, "Stopped by a user")
        self._scheduler.watch(service)
        return {"serviceDeploymentArn": key}

    def _view(self, row: Doc) -> Doc:
        service = self._state.services.get(row["serviceArn"])
        tasks = []
        if service is not None:
            owners = {deployment["id"]: deployment["revision"] for deployment in service["deployments"]}
            tasks = [(owners.get(t["startedBy"], ""), t["lastStatus"]) for t in self._state.tasks_of(service)]
        target = {"arn": row["target"], "requestedTaskCount": row["requested"]}
        sources = [{"arn": arn, **revision_counts(counts(tasks, arn))} for arn in row["sources"]]
        if "share" in row:
            target["requestedProductionTrafficWeight"] = row["share"]
            sources = [each | {"requestedProductionTrafficWeight": 100 - row["share"]} for each in sources]
        return row | {
            "targetServiceRevision": target | revision_counts(counts(tasks, row["target"])),
            "sourceServiceRevisions": sources,
        }

    def _images(self, revision: Doc) -> list[Doc]:
        """Return a service revision's images with the digests with which its tasks were started."""
        digests = {
            container["name"]: container.get("imageDigest")
            for task in self._state.tasks.values()
            if task["taskDefinitionArn"] == revision["taskDefinition"]
            for container in task["containers"]
        }
        definition = self._state.definitions.get(revision["taskDefinition"])
        rows = definition["containerDefinitions"] if definition else []
        return [
            {"containerName": row["name"], "image": row["image"], "imageDigest": digests.get(row["name"])}
            for row in rows
        ]
