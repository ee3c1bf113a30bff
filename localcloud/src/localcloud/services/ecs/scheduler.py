"""The service scheduler: a loop per service that replaces failed tasks and rolls deployments forward or back."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from localcloud.services.ecs import deployment_alarms
from localcloud.services.ecs.canary import is_cleaning
from localcloud.services.ecs.rolling_update import Member, plan, threshold
from localcloud.services.ecs.rollouts import breaker, primary

if TYPE_CHECKING:
    from localcloud.services.ecs.canary import Canary
    from localcloud.services.ecs.rollouts import Rollouts
    from localcloud.services.ecs.runner import Runner
    from localcloud.services.ecs.state import State
    from localcloud.services.ecs.task_documents import Factory
    from localcloud.services.elbv2.targets import Targets
    from localcloud.state.table import Doc

STEP_SECONDS = 0.5
PROVEN_SECONDS = 5.0
"""How long a task without load balancer and health check must run to be considered healthy."""
RETRY_SECONDS = 1.0
RETRY_MOST_SECONDS = 30.0
FAILED = ("TaskFailedToStart", "EssentialContainerExited")
LOG = logging.getLogger(__name__)


class Scheduler:
    """One loop per service."""

    def __init__(  # noqa: PLR0913 - the parts that carry out its decisions
        self, state: State, rollouts: Rollouts, canary: Canary, runner: Runner, factory: Factory, targets: Targets
    ) -> None:
        """Use ECS's documents, and the parts that carry out the scheduler's decisions."""
        self._canary = canary
        self._state, self._rollouts, self._runner = state, rollouts, runner
        self._factory, self._targets = factory, targets
        self._loops: dict[str, asyncio.Task[None]] = {}
        self._wakers: dict[str, asyncio.Event] = {}

    def watch(self, service: Doc) -> None:
        """Start a service's loop if it has none, and wake it."""
        key = service["serviceArn"]
        if key not in self._loops or self._loops[key].done():
            self._wakers[key] = asyncio.Event()
            self._loops[key] = asyncio.create_task(self._loop(service), name=f"service {key}")
        self._wakers[key].set()

    def wake(self, task: Doc) -> None:
        """Wake the loop of a task's service."""
        waker = self._wakers.get(task.get("service", ""))
        if waker is not None:
            waker.set()

    def stop(self) -> None:
        """Cancel all loops."""
        for loop in self._loops.values():
            loop.cancel()
        self._loops.clear()

    async def settle(self, seconds: float) -> None:
        """Wait, up to the given time, until services that were steady are steady again."""
        end = time.monotonic() + seconds
        steady = [row for row in self._state.services.values() if is_steady(row)]
        while not all(self._done(row, row["deployments"][0]) for row in steady):
            if time.monotonic() > end:
                return
            await asyncio.sleep(STEP_SECONDS / 5)

    async def _loop(self, service: Doc) -> None:
        key = service["serviceArn"]
        while self._state.services.get(key) is service and service["status"] != "INACTIVE":
            try:
                self.step(service)
            except Exception:  # logged; a service's loop must never end by itself
                LOG.exception("service %s", key)
            waker = self._wakers[key]
            waker.clear()
            try:
                await asyncio.wait_for(waker.wait(), STEP_SECONDS)
            except TimeoutError:
                continue

    def step(self, service: Doc) -> None:
        """Run one iteration: assess the tasks, then act."""
        if service["status"] == "DRAINING":
            self._drain(service)
            return
        deployment = primary(service)
        if deployment is None:
            return
        self._rollouts.started(deployment)
        self._count_failures(service)
        members = [self._member(service, task) for task in self._running(service)]
        members = [member for member in members if not self._unfit(service, member)]
        self._break(service)
        self._heed_alarms(service)
        deployment = primary(service)
        if deployment is None or deployment["rolloutState"] == "FAILED":
            return
        if "canary" in deployment and deployment["rolloutState"] == "IN_PROGRESS":
            members = [self._member(service, self._state.tasks.rows[member.arn]) for member in members]
            members = [member for member in members if self._wanted(member)]
            self._canary.step(service, deployment, members, done=self._done(service, deployment))
            return
        self._act(service, deployment, members)
        if deployment["rolloutState"] == "IN_PROGRESS" and self._done(service, deployment):
            self._bake(service, deployment)

    def _drain(self, service: Doc) -> None:
        """Stop all tasks of a deleted service; it becomes INACTIVE when none is left."""
        tasks = self._state.tasks_of(service)
        for task in tasks:
            self._runner.stop(task, "ServiceSchedulerInitiated", "Scaling activity initiated by service deletion")
        if not tasks:
            service["status"] = "INACTIVE"
            service["deployments"] = []
            self._forget(service)
            self._state.save_service(service)

    def _forget(self, service: Doc) -> None:
        """Delete a deleted service's service deployments and revisions."""
        for table in (self._state.rollouts, self._state.revisions):
            for key, row in list(table.rows.items()):
                if row["serviceArn"] == service["serviceArn"]:
                    table.delete(key)

    def _running(self, service: Doc) -> list[Doc]:
        return [task for task in self._state.tasks_of(service) if task["desiredStatus"] == "RUNNING"]

    def _wanted(self, member: Member) -> bool:
        return bool(self._state.tasks.rows[member.arn]["desiredStatus"] == "RUNNING")

    def _count_failures(self, service: Doc) -> None:
        """Count each task that stopped by itself once, for its deployment, and delay the next start."""
        key = service["serviceArn"]
        deployments = {row["id"]: row for row in service["deployments"]}
        for task in self._state.tasks.values():
            if task.get("service") != key or task["desiredStatus"] != "STOPPED" or task["counted"]:
                continue
            task["counted"] = True
            self._state.save_task(task)
            deployment = deployments.get(task["startedBy"])
            if deployment is not None and (task["stopCode"] in FAILED or task.get("unfit")):
                self._count(service, deployment, task)

    def _count(self, service: Doc, deployment: Doc, task: Doc) -> None:
        number = task["taskArn"].rpartition("/")[2]
        self._state.event(service, f"(task {number}) failed: {reason_of(task)}")
        deployment["failures"] = deployment.get("failures", 0) + 1
        wait = RETRY_SECONDS if breaker(service).get("enable") else RETRY_SECONDS * 2 ** min(deployment["failures"], 10)
        proven = bool(task.get("proven"))
        deployment["retryAt"] = 0 if proven else time.time() + min(wait, RETRY_MOST_SECONDS)
        if deployment["rolloutState"] == "IN_PROGRESS":
            deployment["failedTasks"] += 1
            deployment["lastFailure"] = reason_of(task)
        self._rollouts.count(service, deployment)

    def _member(self, service: Doc, task: Doc) -> Member:
        """Assess a task's readiness now."""
        deployment = service["deployments"][0]
        ready, unhealthy = self._judge(task)
        if ready and not task.get("proven"):
            task["proven"] = True
            self._state.save_task(task)
        if unhealthy and self._in_grace(service, task):
            unhealthy = ""
        task["unhealthy"] = unhealthy
        return Member(
            arn=task["taskArn"], created=task["createdAt"], new=task["startedBy"] == deployment["id"],
            ready=ready, sick=bool(unhealthy), proven=bool(task.get("proven")),
        )  # fmt: skip

    def _judge(self, task: Doc) -> tuple[bool, str]:
        """Return whether a task passes all health checks, and the reason if it is unhealthy."""
        if task["lastStatus"] != "RUNNING":
            return False, ""
        if task["healthStatus"] == "UNHEALTHY":
            return False, "Task failed container health checks"
        ready = True
        for target in task.get("targets", []):
            state = self._targets.state(target["group"], task["address"], target["port"])
            if state is not None and state[0] == "unhealthy":
                text = f"port {target['port']} is unhealthy in target-group {target['group']} due to {state[1]}"
                return False, f"Task failed ELB health checks: {text}"
            ready = ready and state is not None and state[0] == "healthy"
        if any(row["checked"] for row in task["containers"]):
            return ready and task["healthStatus"] == "HEALTHY", ""
        if not task.get("targets"):
            return bool(time.time() - task["startedAt"] >= PROVEN_SECONDS), ""
        return ready, ""

    def _in_grace(self, service: Doc, task: Doc) -> bool:
        """Tell whether a task is in its health check grace period.

        Once a task of a deployment has used up the full grace period, its replacements get only the time that the
        health check thresholds need: a failing deployment need not take three grace periods.
        """
        deployment = next((row for row in service["deployments"] if row["id"] == task["startedBy"]), None)
        if deployment is not None and deployment.get("graceUsed") and not task.get("proven"):
            return False
        grace: int = service.get("healthCheckGracePeriodSeconds", 0)
        return bool(time.time() - task["startedAt"] < grace)

    def _unfit(self, service: Doc, member: Member) -> bool:
        """Stop an unhealthy task of a deployment in progress; return whether it was stopped."""
        deployment = service["deployments"][0]
        if not (member.sick and member.new and deployment["rolloutState"] == "IN_PROGRESS"):
            return False
        task = self._state.tasks.rows[member.arn]
        task["unfit"] = True
        if not member.proven:
            deployment["graceUsed"] = True
        self._runner.stop(task, "ServiceSchedulerInitiated", task["unhealthy"])
        self._count_failures(service)
        return True

    def _break(self, service: Doc) -> None:
        """Trip the circuit breaker if its threshold is reached."""
        deployment = service["deployments"][0]
        settings = breaker(service)
        limit = threshold(service["desiredCount"], settings.get("thresholdConfiguration"))
        if (
            settings.get("enable")
            and deployment["rolloutState"] == "IN_PROGRESS"
            and not is_cleaning(deployment)
            and deployment["failedTasks"] >= limit
        ):
            self._rollouts.trip(service, f"Last failed task: {deployment.get('lastFailure', 'unknown')}")
            if service["deployments"][0]["rolloutState"] == "FAILED":
                self._stop_failed(service)

    def _heed_alarms(self, service: Doc) -> None:
        """Fail the deployment if one of its alarms has gone into ALARM; a rollback is not watched."""
        deployment = service["deployments"][0]
        if deployment["rolloutState"] != "IN_PROGRESS" or deployment["rollingBack"] or is_cleaning(deployment):
            return
        names = deployment_alarms.monitored(self._state.rollouts.get(deployment["rollout"]))
        if names and (found := deployment_alarms.firing(names, self._state.ctx.cloudwatch)):
            self._rollouts.alarmed(service, found)
            if service["deployments"][0]["rolloutState"] == "FAILED":
                self._stop_failed(service)

    def _bake(self, service: Doc, deployment: Doc) -> None:
        """Complete a deployment in its steady state, once its alarms have been watched for their bake time."""
        names = (
            []
            if deployment["rollingBack"]
            else deployment_alarms.monitored(self._state.rollouts.get(deployment["rollout"]))
        )
        known = deployment.get("bakedAt")
        if deployment_alarms.is_baked(service, deployment, names, self._state.ctx.cloudwatch):
            self._rollouts.succeed(service)
        elif deployment.get("bakedAt") != known:
            self._state.save_service(service)

    def _stop_failed(self, service: Doc) -> None:
        """Stop the remaining tasks of a finally failed deployment that were never healthy."""
        deployment = service["deployments"][0]
        for task in self._running(service):
            if task["startedBy"] == deployment["id"] and not task.get("proven"):
                self._runner.stop(
                    task, "ServiceSchedulerInitiated", f"Scaling activity initiated by (deployment {deployment['id']})"
                )

    def _act(self, service: Doc, deployment: Doc, members: list[Member]) -> None:
        """Start and stop tasks by the rolling update's plan."""
        configuration = service["deploymentConfiguration"]
        known = {row["id"] for row in service["deployments"]}
        members = [member for member in members if self._wanted(member)]
        # a rollback may just have changed which deployment is the primary one
        members = [self._member(service, self._state.tasks.rows[member.arn]) for member in members]
        wanted = plan(
            members, service["desiredCount"], configuration["minimumHealthyPercent"], configuration["maximumPercent"]
        )
        for arn in wanted.stop:
            task = self._state.tasks.rows[arn]
            reason = task["unhealthy"] or f"Scaling activity initiated by (deployment {deployment['id']})"
            task["unfit"] = bool(task["unhealthy"]) and task["startedBy"] in known
            self._runner.stop(task, "ServiceSchedulerInitiated", reason)
        if wanted.stop:
            self._state.event(service, f"has stopped {len(wanted.stop)} running tasks.")
        if wanted.start and time.time() >= deployment["retryAt"]:
            for _ in range(wanted.start):
                self._runner.launch(self._factory.service_task(service, deployment))
            self._state.event(service, f"has started {wanted.start} tasks.")
            self._state.save_service(service)

    def _done(self, service: Doc, deployment: Doc) -> bool:
        """Tell whether exactly the desired tasks run, all healthy, and no healthy task is still draining or stopping.

        Tasks that were never healthy may still be stopping: they never served requests.
        """
        tasks = self._state.tasks_of(service)
        tasks = [task for task in tasks if task["desiredStatus"] == "RUNNING" or task.get("proven")]
        if any(task["desiredStatus"] == "STOPPED" or task["startedBy"] != deployment["id"] for task in tasks):
            return False
        return len(tasks) == service["desiredCount"] and all(self._judge(task)[0] for task in tasks)


def is_steady(service: Doc) -> bool:
    """Tell whether a service's latest deployment is completed."""
    deployment = primary(service)
    return service["status"] == "ACTIVE" and deployment is not None and deployment["rolloutState"] == "COMPLETED"


def reason_of(task: Doc) -> str:
    """Return why a task stopped, with its containers' exit codes and reasons."""
    codes = [
        f"{row['name']} exited with code {row['exitCode']}"
        for row in task["containers"]
        if row.get("exitCode") is not None and task["stopCode"] == "EssentialContainerExited"
    ]
    return f"{task['stoppedReason']} ({', '.join(codes)})" if codes else str(task["stoppedReason"])
