"""Targets: registration, health checks, draining. Used by ECS as well as by the API."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from localcloud.services.elbv2.health import Prober
from localcloud.services.elbv2.state import target_key

if TYPE_CHECKING:
    from localcloud.services.elbv2.proxies import Proxies
    from localcloud.services.elbv2.state import State
    from localcloud.state.table import Doc

FIRST_CHECKS_SECONDS = 1.0
"""Interval for a target that has not passed a check yet; its failures still count once per configured interval."""
DRAIN_POLL_SECONDS = 0.25
DRAIN_LEAST_SECONDS = 0.5
LOG = logging.getLogger(__name__)
REASONS = {
    "registering": ("initial", "Elb.RegistrationInProgress", "Target registration is in progress"),
    "checking": ("initial", "Elb.InitialHealthChecking", "Initial health checks in progress"),
    "unused": ("unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"),
    "draining": ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress"),
    "healthy": ("healthy", None, None),
}


class Targets:
    """Runs one asyncio task per target: health checks until the target drains, then its removal."""

    def __init__(self, state: State, proxies: Proxies) -> None:
        """Use ELBv2's documents, and the proxies to update on changes."""
        self._state, self._proxies = state, proxies
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._prober = Prober()

    def start(self) -> None:
        """Start the health checks of all registered targets; each keeps its state."""
        for target in self._state.targets.values():
            self._watch(target)

    async def stop(self) -> None:
        """Stop all health checks."""
        for watcher in self._watchers.values():
            watcher.cancel()
        self._watchers.clear()
        await self._prober.close()

    async def register(self, group: str, address: str, port: int) -> None:
        """Register a target, or re-register a draining one."""
        key = target_key(group, address, port)
        known = self._state.targets.get(key)
        if known is not None and known["State"] != "draining":
            return
        taken = {target["Slot"] for target in self._state.targets_of(group)}
        slot = known["Slot"] if known else next(n for n in range(len(taken) + 1) if n not in taken)
        doc = {"TargetGroupArn": group, "Id": address, "Port": port, "Slot": slot}
        set_state(doc, *REASONS["registering"])
        self._state.targets.put(key, doc)
        self._watch(doc)
        await self._proxies.apply_group(group)

    async def deregister(self, group: str, address: str, port: int) -> None:
        """Start draining a target, which gets no new requests from now on; an unregistered one is no error."""
        doc = self._state.targets.get(target_key(group, address, port))
        if doc is None or doc["State"] == "draining":
            return
        delay = int(self._state.group(group)["Attributes"]["deregistration_delay.timeout_seconds"])
        doc["DrainUntil"] = time.time() + delay
        self._set(doc, "draining")
        await self._proxies.apply_group(group)
        self._watch(doc)

    async def forget(self, target: Doc) -> None:
        """Remove a target at once, without draining."""
        key = key_of(target)
        self._state.targets.delete(key)
        watcher = self._watchers.pop(key, None)
        await self._proxies.apply_group(target["TargetGroupArn"])
        if watcher is not None and watcher is not asyncio.current_task():
            watcher.cancel()

    def state(self, group: str, address: str, port: int) -> tuple[str, str] | None:
        """Return a target's state and description, or None if it is not registered."""
        doc = self._state.targets.get(target_key(group, address, port))
        return None if doc is None else (doc["State"], doc.get("Description") or "")

    def is_served(self, group: str) -> bool:
        """Tell whether a target group exists and a load balancer forwards to it."""
        return self._state.groups.get(group) is not None and self._state.balancer_of(group) is not None

    def _watch(self, target: Doc) -> None:
        key = key_of(target)
        if key in self._watchers:
            self._watchers[key].cancel()
        self._watchers[key] = asyncio.create_task(self._life(target), name=f"target {key}")

    async def _life(self, target: Doc) -> None:
        key = key_of(target)
        while self._state.targets.get(key) is target:
            try:
                if target["State"] == "draining":
                    await self._drain(target)
                    return
                await self._check(target)
            except asyncio.CancelledError:
                raise
            except Exception:  # logged, and retried at the next check
                LOG.exception("target %s", key)
            first = target["State"] in ("initial", "unused")
            group = self._state.group(target["TargetGroupArn"])
            await asyncio.sleep(FIRST_CHECKS_SECONDS if first else group["HealthCheckIntervalSeconds"])

    async def _check(self, target: Doc) -> None:
        """Run one health check and update the state by the target group's thresholds."""
        group = self._state.group(target["TargetGroupArn"])
        before = target["State"]
        if self._state.balancer_of(group["TargetGroupArn"]) is None:
            self._set(target, "unused")
            return
        if before in ("unused",) or target.get("Reason") == "Elb.RegistrationInProgress":
            self._set(target, "checking")
        failure = await self._prober.failure(target, group) if group["HealthCheckEnabled"] else None
        if target["State"] == "draining" or self._state.targets.get(key_of(target)) is not target:
            return
        if failure is None:
            self._passed(target, group)
        else:
            self._failed(target, group, failure)
        if target["State"] != before:
            await self._proxies.apply_group(group["TargetGroupArn"])

    def _passed(self, target: Doc, group: Doc) -> None:
        target["Bad"], target["Good"] = 0, target.get("Good", 0) + 1
        if target["State"] == "initial" or (
            target["State"] == "unhealthy" and target["Good"] >= group["HealthyThresholdCount"]
        ):
            self._set(target, "healthy")

    def _failed(self, target: Doc, group: Doc, failure: tuple[str, str]) -> None:
        now = time.time()
        if (
            target["State"] == "initial"
            and now - target.get("FailedAt", 0) < group["HealthCheckIntervalSeconds"] - 0.05
        ):
            return
        target["Good"], target["Bad"], target["FailedAt"] = 0, target.get("Bad", 0) + 1, now
        if target["State"] == "unhealthy" or target["Bad"] >= group["UnhealthyThresholdCount"]:
            set_state(target, "unhealthy", *failure)
            self._state.targets.save(key_of(target))

    async def _drain(self, target: Doc) -> None:
        """Wait until no request is in flight or the deregistration delay is over, then remove the target."""
        started = time.time()
        while (now := time.time()) < target["DrainUntil"]:
            if now - started >= DRAIN_LEAST_SECONDS and await self._proxies.sessions(target) == 0:
                break
            await asyncio.sleep(DRAIN_POLL_SECONDS)
        await self.forget(target)

    def _set(self, target: Doc, state: str) -> None:
        set_state(target, *REASONS[state])
        self._state.targets.save(key_of(target))


def set_state(target: Doc, state: str, reason: str | None, description: str | None) -> None:
    """Set a target's state with AWS's reason and description; reset its counters if the state changes."""
    if target.get("State") != state:
        target["Good"] = target["Bad"] = 0
    target.update(State=state, Reason=reason, Description=description)


def key_of(target: Doc) -> str:
    """Return a target document's key."""
    return target_key(target["TargetGroupArn"], target["Id"], target["Port"])
