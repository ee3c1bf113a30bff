"""The service deployments of a fake ECS, as a state machine: what UpdateService begins, and how it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.unit.delivery.aws import FakeError
from tests.unit.delivery.definitions import arn
from tests.unit.delivery.ecs import BACK, BROKEN, ENDED, OVER, STARTED, Ecs, Service


@dataclass(kw_only=True)
class Rollouts(Ecs):
    """ECS with deployments."""

    def update_service(self, params: dict[str, Any]) -> dict[str, Any]:
        """Begin a deployment, which takes over from what is under way; nothing where nothing changes."""
        held = self._of(params, params["service"])
        wanted = params.get("taskDefinition", held.definition)
        if self.revisions[wanted]["status"] != "ACTIVE":
            raise FakeError("ClientException", "TaskDefinition is inactive")
        balancers = params.get("loadBalancers", self._shown(held)["loadBalancers"])
        if (port := balancers[0]["containerPort"]) != self.port(wanted):
            raise FakeError("InvalidParameterException", f"The container app did not have a container port {port}")
        held.port = port
        if asked := params.get("deploymentConfiguration"):
            held.minutes = (asked["canaryConfiguration"]["canaryBakeTimeInMinutes"], asked["bakeTimeInMinutes"])
        if wanted != held.definition or params.get("forceNewDeployment"):
            self.begin(held, wanted)
        return {"service": self._shown(held)}

    def begin(self, held: Service, wanted: str) -> dict[str, Any]:
        """Begin a deployment of a revision."""
        for row in held.rollouts:
            if row["status"] not in OVER:
                row.update(status="STOPPED", statusReason="a newer deployment has taken over")
        number = len(held.rollouts) + 1
        row = {
            "serviceDeploymentArn": arn("service-deployment", f"{self.cluster}/{held.name}/{number}"),
            "serviceArn": arn("service", held.name),
            "createdAt": self.when(),
            "status": "PENDING",
            "before": held.definition,
            "wanted": wanted,
            "listed": self.aws.time.now + self.listed,
            "failures": 0,
        }
        held.rollouts.append(row)
        held.definition = wanted
        held.primary = [self._deployment(wanted, held.desired, "IN_PROGRESS"), *held.primary[-1:]]
        held.primary[-1]["status"] = "ACTIVE"
        self.aws.time.at(STARTED, lambda: self._start(held, row))
        return row

    def _start(self, held: Service, row: dict[str, Any]) -> None:
        if row["status"] != "PENDING":
            return
        row["status"] = "IN_PROGRESS"
        how = self.behaviour.get(self.image(row["wanted"]).partition("@")[2], "good")
        how = "crash" if "CRASH" in self.variables(row["wanted"]) else how
        if held.canary and how in ("good", "alarm"):
            self._launch(held, row["wanted"], "PENDING", alternate=not held.alternate)
            self.aws.time.at(ENDED - STARTED, lambda: self._share(held, row, how))
            return
        if how == "good":
            self._launch(held, row["wanted"], "PENDING")
            self.aws.time.at(ENDED - STARTED, lambda: self._succeed(held, row))
            return
        if how in ("never", "hangs"):
            self._launch(held, row["wanted"])
        self.event(held.name, f"(service {held.name}) {'was unable to place a task' if how == 'full' else 'has begun'}")
        if how == "crash":
            self.aws.time.at(1.0, lambda: self._crash(held, row))
        if how != "hangs" and held.breaker:
            self.aws.time.at(BROKEN - STARTED, lambda: self._break(held, row, how))

    def _share(self, held: Service, row: dict[str, Any], how: str) -> None:
        """Send the new tasks of a canary their share of the requests, and all of them later."""
        if row["status"] != "IN_PROGRESS":
            return
        for task in self.tasks:
            task.status = "RUNNING" if task.definition == row["wanted"] and task.status == "PENDING" else task.status
        held.share = row["weight"] = held.canary
        row["stage"] = "PRODUCTION_TRAFFIC_SHIFT"
        if how == "alarm":
            reason = "Service deployment rolled back because of the CloudWatch alarm web-rollback. "
            self.aws.time.at(30.0, lambda: self.roll_back(held, row, reason))
        self.aws.time.at(60.0 * held.minutes[0] or 1.0, lambda: self._all(held, row))

    def _all(self, held: Service, row: dict[str, Any]) -> None:
        if row["status"] == "IN_PROGRESS":
            held.share, held.alternate = 0, not held.alternate
            row |= {"weight": 100, "stage": "BAKE_TIME"}
            self.aws.time.at(60.0 * held.minutes[1] or 1.0, lambda: self._succeed(held, row))

    def _crash(self, held: Service, row: dict[str, Any]) -> None:
        if row["status"] == "IN_PROGRESS":
            row["failures"] += 2
            told = {"reason": "Essential container exited", "stop": "EssentialContainerExited"}
            self._launch(held, row["wanted"], "STOPPED", code=3, **told)
            self.aws.time.at(4.0, lambda: self._crash(held, row))

    def _succeed(self, held: Service, row: dict[str, Any]) -> None:
        if row["status"] == "IN_PROGRESS":
            row["status"] = "SUCCESSFUL"
            self._settle(held, row["wanted"])
            if self.afterwards:
                self.afterwards.pop()()

    def _settle(self, held: Service, definition: str) -> None:
        """Let a service run a revision and nothing else: the tasks just launched, else those that run it already."""
        held.definition = definition
        held.primary = [self._deployment(definition, held.desired)]
        mine = [task for task in self.tasks if task.service == held.name and task.status != "STOPPED"]
        same = [task for task in mine if task.definition == definition]
        stay = [task for task in same if task.status == "PENDING"] or same
        for task in mine:
            task.status = "RUNNING" if task in stay else "STOPPED"
            task.stop = "" if task.status == "RUNNING" else "ServiceSchedulerInitiated"
            task.reason = task.stop and "Scaling activity initiated by deployment"
        if not [task for task in mine if task.status == "RUNNING"]:
            self._launch(held, definition)

    def _break(self, held: Service, row: dict[str, Any], how: str) -> None:
        if row["status"] == "IN_PROGRESS":
            reason = {"full": "no capacity", "crash": "tasks failed to start"}.get(how, "targets are unhealthy")
            self.roll_back(
                held, row, f"Service deployment rolled back because the circuit breaker threshold: {reason}. "
            )

    def roll_back(self, held: Service, row: dict[str, Any], reason: str) -> None:
        """Go back: the revision from before is the primary one from now on, as ECS has it."""
        row |= {"status": "ROLLBACK_IN_PROGRESS", "statusReason": reason}
        held.share, held.alternate = 0, held.alternate != (row.get("weight") == 100)
        held.definition, held.port = row["before"], self.port(row["before"])
        held.primary = [self._deployment(row["before"], held.desired, "IN_PROGRESS")]
        self.aws.time.at(BACK, lambda: self._back(held, row))

    def _back(self, held: Service, row: dict[str, Any]) -> None:
        if row["status"] != "ROLLBACK_IN_PROGRESS":
            return
        row["status"] = "ROLLBACK_FAILED" if self.rollback_fails else "ROLLBACK_SUCCESSFUL"
        if not self.rollback_fails:
            self._settle(held, row["before"])
            return
        held.definition = row["wanted"] if self.rollback_fails == "stays" else row["before"]
        held.primary[0]["rolloutState"] = "FAILED"
        for task in self.tasks:
            task.status = "STOPPED" if task.service == held.name else task.status

    def list_service_deployments(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return a service's deployments, newest first: of a status, or created after a moment."""
        held = self._of(params, params["service"])
        after = params.get("createdAt", {}).get("after")
        shown = [
            self._brief(row)
            for row in held.rollouts[::-1]
            if row["listed"] <= self.aws.time.now
            and row["status"] in params.get("status", [row["status"]])
            and (after is None or row["createdAt"] >= after)
        ]
        return {"serviceDeployments": shown}

    def _brief(self, row: dict[str, Any]) -> dict[str, Any]:
        shown = {key: row[key] for key in ("serviceDeploymentArn", "serviceArn", "createdAt", "status")}
        # ECS names the service revision when it has made it, which is a moment later.
        made = row["status"] != "PENDING"
        return shown | ({"targetServiceRevisionArn": f"{row['serviceDeploymentArn']}/revision"} if made else {})

    def _row(self, name: str) -> tuple[Service, dict[str, Any]]:
        for held in self.services.values():
            for row in held.rollouts:
                if name.startswith(row["serviceDeploymentArn"]):
                    return held, row
        raise FakeError("ServiceDeploymentNotFoundException")

    def describe_service_revisions(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the revision that a deployment brings."""
        (name,) = params["serviceRevisionArns"]
        return {"serviceRevisions": [{"serviceRevisionArn": name, "taskDefinition": self._row(name)[1]["wanted"]}]}

    def describe_service_deployments(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return a deployment."""
        (name,) = params["serviceDeploymentArns"]
        held, row = self._row(name)
        ran = [one for one in self.tasks if one.definition == row["wanted"] and one.status == "RUNNING"]
        target = {"arn": f"{name}/revision", "requestedTaskCount": held.desired, "runningTaskCount": len(ran)}
        shown = {key: row[key] for key in ("serviceDeploymentArn", "createdAt", "status", "statusReason") if key in row}
        if held.canary:
            target["requestedProductionTrafficWeight"] = row.get("weight", 0)
            shown["lifecycleStage"] = row.get("stage", "SCALE_UP")
        breaker = {"status": "MONITORING", "failureCount": row["failures"], "threshold": 3}
        return {"serviceDeployments": [shown | {"targetServiceRevision": target, "deploymentCircuitBreaker": breaker}]}

    def stop_service_deployment(self, params: dict[str, Any]) -> dict[str, Any]:
        """Roll a deployment back, or end it where it is."""
        held, row = self._row(params["serviceDeploymentArn"])
        if row["status"] not in ("PENDING", "IN_PROGRESS"):
            raise FakeError("ConflictException")
        if params.get("stopType", "ROLLBACK") == "ABORT":
            row |= {"status": "STOPPED", "statusReason": "stopped by a user"}
        else:
            row["status"] = "ROLLBACK_REQUESTED"
            self.aws.time.at(
                1.0, lambda: self.roll_back(held, row, "Service deployment rolled back because of a request. ")
            )
        return {"serviceDeploymentArn": params["serviceDeploymentArn"]}
