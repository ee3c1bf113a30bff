"""Canary deployments: green tasks beside the blue ones, then traffic by weight, then the end of the blue ones.

Source: ECS developer guide, "Amazon ECS canary deployments", whose lifecycle stages these are. Which stage a deployment
is in is in its document, so that it goes on after a restart.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from localcloud.services.ecs.rolling_update import Member, plan
from localcloud.services.ecs.strategies import WHOLE, source

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.services.ecs.placement import Placement
    from localcloud.services.ecs.rollouts import Rollouts
    from localcloud.services.ecs.runner import Runner
    from localcloud.services.ecs.state import State
    from localcloud.services.ecs.task_documents import Factory
    from localcloud.services.ecs.traffic import Traffic
    from localcloud.state.table import Doc

MINUTE = 60
STAGE_MOST_SECONDS = 24 * 3600
"""The guide: "Each lifecycle stage can last up to 24 hours", then the deployment fails and is rolled back."""
RECONCILE, PREPARE, SCALE_UP, SCALED_UP = "RECONCILE_SERVICE", "PRE_SCALE_UP", "SCALE_UP", "POST_SCALE_UP"
SHIFT, SHIFTED, BAKE, CLEAN_UP = "PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP"


class Canary:
    """Takes canary deployments from stage to stage."""

    def __init__(  # noqa: PLR0913 - the parts that carry out what a stage needs
        self, state: State, rollouts: Rollouts, placement: Placement, runner: Runner, factory: Factory, traffic: Traffic
    ) -> None:
        """Use ECS's documents, and the parts that carry out what a stage needs."""
        self._state, self._rollouts, self._placement = state, rollouts, placement
        self._runner, self._factory, self._traffic = runner, factory, traffic
        self._stages: dict[str, Callable[[Doc, Doc], str]] = {
            RECONCILE: self._reconcile,
            PREPARE: self._prepare,
            SCALE_UP: self._scale_up,
            SCALED_UP: lambda _service, _deployment: SHIFT,
            SHIFT: self._shift,
            SHIFTED: lambda _service, _deployment: BAKE,
            BAKE: self._bake,
            CLEAN_UP: self._clean_up,
        }

    def step(self, service: Doc, deployment: Doc, members: list[Member], *, done: bool) -> None:
        """Keep the tasks of both deployments up, and go on to the next stage if this one is over.

        Args:
            service: a service whose primary deployment is a canary deployment in progress.
            deployment: that deployment.
            members: the service's tasks with desired status RUNNING, as they are now.
            done: whether exactly the desired tasks run, all of this deployment and healthy.
        """
        mark = deployment["canary"]
        mark["ready"] = sum(member.new and member.ready for member in members) >= service["desiredCount"]
        mark["done"] = done
        self._keep_up(service, deployment, members)
        stage = self._stages[mark["stage"]](service, deployment)
        if deployment["rolloutState"] != "IN_PROGRESS" or service["deployments"][0] is not deployment:
            return
        if stage != mark["stage"]:
            self._placement.enter(service, deployment, stage)
        elif time.time() - mark["since"] > STAGE_MOST_SECONDS:
            self._rollouts.misled(service, f"the lifecycle stage {stage} timed out.")

    def _keep_up(self, service: Doc, deployment: Doc, members: list[Member]) -> None:
        """Replace failed tasks of the blue deployment and, from SCALE_UP on, start those of the green one."""
        stage, blue = deployment["canary"]["stage"], source(service, deployment)
        by_owner: dict[str, list[Member]] = {}
        for member in members:
            owner = self._state.tasks.rows[member.arn]["startedBy"]
            by_owner.setdefault(owner, []).append(replace(member, new=True))
        if stage not in (RECONCILE, PREPARE):
            self._scale(service, deployment, by_owner.get(deployment["id"], []))
        if blue is not None and stage != CLEAN_UP and not deployment["rollingBack"]:
            self._scale(service, blue, by_owner.get(blue["id"], []))

    def _scale(self, service: Doc, deployment: Doc, members: list[Member]) -> None:
        """Start and stop a deployment's tasks towards the desired count, by the rolling update's plan."""
        wanted = plan(members, service["desiredCount"], 100, 200)
        self._stop(service, deployment, wanted.stop)
        if wanted.start and time.time() >= deployment["retryAt"]:
            for _ in range(wanted.start):
                self._runner.launch(self._factory.service_task(service, deployment))
            self._state.event(service, f"has started {wanted.start} tasks.")
            self._state.save_service(service)

    def _stop(self, service: Doc, deployment: Doc, arns: list[str]) -> None:
        for arn in arns:
            task = self._state.tasks.rows[arn]
            reason = task.get("unhealthy") or f"Scaling activity initiated by (deployment {deployment['id']})"
            task["unfit"] = bool(task.get("unhealthy"))
            self._runner.stop(task, "ServiceSchedulerInitiated", reason)
        if arns:
            self._state.event(service, f"has stopped {len(arns)} running tasks.")

    def _reconcile(self, service: Doc, deployment: Doc) -> str:
        """Give the blue deployment all traffic, and stop the tasks of any other: a canary was replaced by this one."""
        blue = source(service, deployment)
        if blue is not None and not self._traffic.shift(deployment, 0):
            return RECONCILE
        return PREPARE if self._stop_others(service, deployment, blue) else RECONCILE

    def _stop_others(self, service: Doc, deployment: Doc, blue: Doc | None) -> bool:
        """Stop the tasks of all deployments but two; return whether none is left."""
        keep = [deployment["id"], blue["id"] if blue else ""]
        rest = [task for task in self._state.tasks_of(service) if task["startedBy"] not in keep]
        self._stop(service, deployment, [task["taskArn"] for task in rest if task["desiredStatus"] == "RUNNING"])
        return not rest

    def _prepare(self, service: Doc, deployment: Doc) -> str:
        """Check that ECS will be able to shift traffic."""
        problem = self._traffic.problem(deployment, settled=source(service, deployment) is not None)
        if problem:
            self._rollouts.misled(service, f"of invalid networking configuration. {problem}")
        return SCALE_UP

    def _scale_up(self, _service: Doc, deployment: Doc) -> str:
        return SCALED_UP if deployment["canary"]["ready"] else SCALE_UP

    def _shift(self, service: Doc, deployment: Doc) -> str:
        """Give the green deployment the canary's share until that has baked, then all traffic."""
        mark = deployment["canary"]
        canary = self._settings(deployment).get("canaryConfiguration") or {}
        first = canary.get("canaryPercent", WHOLE)
        if mark["percent"] is None:
            alone = deployment["rollingBack"] or source(service, deployment) is None
            self._placement.share(service, deployment, WHOLE if alone else first)
        if "until" not in mark and self._traffic.shift(deployment, mark["percent"]):
            if mark["percent"] >= WHOLE:
                return SHIFTED if not deployment["rollingBack"] else CLEAN_UP
            mark["until"] = time.time() + canary.get("canaryBakeTimeInMinutes", 0) * MINUTE
            self._state.save_service(service)
        if "until" in mark and time.time() >= mark["until"] and mark["ready"]:
            del mark["until"]
            self._placement.share(service, deployment, WHOLE)
        return SHIFT

    def _settings(self, deployment: Doc) -> Doc:
        """Return the deployment configuration with which a deployment began."""
        rollout = self._state.rollouts.get(deployment["rollout"]) or {}
        found: Doc = rollout.get("deploymentConfiguration") or {}
        return found

    def _bake(self, service: Doc, deployment: Doc) -> str:
        """Wait with all traffic on the green deployment, while the blue one still runs."""
        mark = deployment["canary"]
        minutes = self._settings(deployment).get("bakeTimeInMinutes") or 0
        alone = source(service, deployment) is None
        over = time.time() >= mark["since"] + (0 if alone else minutes) * MINUTE
        return CLEAN_UP if over and mark["ready"] else BAKE

    def _clean_up(self, service: Doc, deployment: Doc) -> str:
        """Stop the tasks of all other deployments."""
        self._stop_others(service, deployment, None)
        if deployment["canary"]["done"]:
            self._rollouts.succeed(service)
        return CLEAN_UP


def is_cleaning(deployment: Doc) -> bool:
    """Tell whether a canary deployment has reached the stage from which it is not rolled back any more."""
    return bool(deployment.get("canary", {}).get("stage") == CLEAN_UP)
