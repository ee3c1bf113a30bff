"""Refuses time limits that cannot work together; `contract.limits` has the formulas and their sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract import limits
from infra.config.errors import Location, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.config.environment import Service
    from infra.config.stack import StackConfig

PIPELINE: Location = ("pipeline",)


def check(config: StackConfig) -> Iterator[Problem]:
    """Yield the problems of time limits."""
    for name, service in config.environment.services.items():
        yield from _rollout(("environment", "services", name), service)
    pipeline = config.pipeline
    if pipeline and pipeline.requires_approval:
        least = limits.artifact_days(pipeline.approval_minutes)
        if pipeline.artifact_days < least:
            rule = (
                f"a release that waits for its approval for approval_minutes ({pipeline.approval_minutes}) needs its "
                f"artifacts for {least} days; set at least {least}, or lower approval_minutes"
            )
            depends_on = ((*PIPELINE, "approval_minutes"),)
            yield Problem.invalid((*PIPELINE, "artifact_days"), pipeline.artifact_days, rule, depends_on)


def _rollout(location: Location, service: Service) -> Iterator[Problem]:
    """Yield the problem of a service whose deployment may take longer than it is waited for, at its largest key.

    A canary counts on the way there only: one that puts a release back has no share of the requests first.
    """
    check = service.health_check
    watched = limits.bake_seconds(service.rollback_alarm.minutes) if service.rollback_alarm else 0
    canary = service.canary.minutes * 60 if service.canary else 0
    limit = limits.ROLLOUT_SECONDS if canary else limits.BACK_SECONDS
    seconds = limits.service_seconds(
        grace_period=service.grace_period,
        interval=check.interval,
        threshold=check.threshold,
        deregistration_delay=service.deregistration_delay,
        stop_timeout=service.stop_timeout,
        bake_time=watched,
        canary=canary,
    )
    if canary and (back := seconds - canary - watched) > limits.BACK_SECONDS:
        canary, watched, seconds, limit = 0, 0, back, limits.BACK_SECONDS
    if seconds <= limit:
        return
    parts: dict[Location, tuple[int, int]] = {
        ("grace_period",): (service.grace_period, service.grace_period),
        ("health_check", "interval"): (check.interval * check.threshold, check.interval),
        ("deregistration_delay",): (service.deregistration_delay, service.deregistration_delay),
    }
    if service.canary and canary:
        parts["canary", "minutes"] = (canary, service.canary.minutes)
    key = max(parts, key=lambda part: parts[part][0])
    rule = (
        f"a deployment may take {seconds} s with it ({limits.START_SECONDS} to start, grace_period "
        f"{service.grace_period}, interval x threshold {check.interval * check.threshold}, deregistration_delay "
        f"{service.deregistration_delay}, stop_timeout {service.stop_timeout}"
        f"{f', canary {canary}' if canary else ''}{f', rollback_alarm {watched}' if watched else ''}), "
        f"and one {'by a canary' if canary else 'that puts a release back'} is "
        f"given up after {limit} s; lower it by {seconds - limit} s"
    )
    yield Problem.invalid((*location, *key), parts[key][1], rule)
