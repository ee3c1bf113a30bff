"""Where deployments of services that shift traffic are: their target groups, lifecycle stage and share of traffic."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from localcloud.services.ecs import strategies

if TYPE_CHECKING:
    from localcloud.services.ecs.state import State
    from localcloud.services.ecs.traffic import Traffic
    from localcloud.state.table import Doc


class Placement:
    """State changes of deployments whose load balancers have an advancedConfiguration, each persisted on return."""

    def __init__(self, state: State, traffic: Traffic) -> None:
        """Use ECS's documents, and the load balancers' production traffic."""
        self._state, self._traffic = state, traffic

    def begin(self, service: Doc, deployment: Doc, revision: Doc) -> None:
        """Choose the target groups of a new deployment: of a canary those that do not serve, else those that do."""
        blue = strategies.source(service, deployment)
        canary = strategies.is_canary(service)
        if canary and blue is not None:
            deployment["groups"] = strategies.others(service["loadBalancers"], strategies.groups_of(blue))
        else:
            deployment["groups"] = self._traffic.serving(service["loadBalancers"])
        if canary:
            known = {deployment["id"], blue["id"] if blue else ""}
            rest = [task for task in self._state.tasks_of(service) if task["startedBy"] not in known]
            deployment["canary"] = {"percent": None}
            split = any("canary" in row and row is not blue for row in service["deployments"][1:])
            self.enter(service, deployment, "RECONCILE_SERVICE" if rest or split else "PRE_SCALE_UP")
        rows = [
            {"targetGroupArn": group, "productionListenerRule": row["advancedConfiguration"]["productionListenerRule"]}
            for row, group in zip(service["loadBalancers"], deployment["groups"], strict=True)
        ]
        revision["resolvedConfiguration"] = {"loadBalancers": rows}
        self._state.revisions.save(revision["serviceRevisionArn"])

    def go_back(self, service: Doc, deployment: Doc, revision: Doc) -> None:
        """Let a rollback have the target groups of the revision that it returns to.

        That of a canary has the blue tasks too, and gives them all traffic first if the green ones have got some of it.
        """
        failed, blue = service["deployments"][1], strategies.source(service, deployment)
        resolved = (revision.get("resolvedConfiguration") or {}).get("loadBalancers")
        deployment["groups"] = [row["targetGroupArn"] for row in resolved or revision["loadBalancers"]]
        if "canary" not in failed:
            return
        shifted = failed["canary"]["percent"] is not None or failed["canary"]["stage"] == "RECONCILE_SERVICE"
        deployment["canary"] = {"percent": None}
        self.enter(service, deployment, "PRODUCTION_TRAFFIC_SHIFT" if shifted else "CLEAN_UP")
        for task in self._state.tasks_of(service):
            if blue is not None and task["startedBy"] == blue["id"] and task["desiredStatus"] == "RUNNING":
                task["startedBy"] = deployment["id"]
                self._state.save_task(task)

    def enter(self, service: Doc, deployment: Doc, stage: str) -> None:
        """Let a canary deployment enter a lifecycle stage."""
        deployment["canary"].update(stage=stage, since=time.time())
        deployment["updatedAt"] = time.time()
        self._tell(deployment, lifecycleStage=stage)
        self._state.save_service(service)

    def share(self, service: Doc, deployment: Doc, percent: float) -> None:
        """Record the share of production traffic that a canary deployment is to get, in percent."""
        deployment["canary"]["percent"] = percent
        self._tell(deployment, share=100 - percent if deployment["rollingBack"] else percent)
        self._state.save_service(service)

    def _tell(self, deployment: Doc, **members: object) -> None:
        """Update members of a deployment's service deployment."""
        rollout = self._state.rollouts.get(deployment["rollout"])
        if rollout is not None:
            rollout.update(members, updatedAt=time.time())
            self._state.rollouts.save(rollout["serviceDeploymentArn"])
