"""ECS's rolling update as a pure function: how many tasks of a service to start, and which to stop."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

BREAKER_LEAST = 3
BREAKER_MOST = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A task with desired status RUNNING."""

    arn: str
    created: float
    new: bool
    """Whether it belongs to the primary deployment."""
    ready: bool
    """Whether it is running and passes all health checks now."""
    sick: bool = False
    """Whether it is unhealthy after its grace period."""
    proven: bool = False
    """Whether it was ready at least once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The tasks to start and to stop now."""

    start: int = 0
    stop: list[str] = field(default_factory=list)


def bounds(desired: int, minimum: int, maximum: int) -> tuple[int, int]:
    """Return how many tasks must stay healthy and how many may run at once."""
    return math.ceil(desired * minimum / 100), math.floor(desired * maximum / 100)


def plan(members: list[Member], desired: int, minimum: int, maximum: int) -> Plan:
    """Return the next step towards a service's desired state within its minimum and maximum healthy percent.

    Args:
        members: all tasks with desired status RUNNING.
        desired: the service's desired count.
        minimum: minimumHealthyPercent.
        maximum: maximumPercent.
    """
    lower, upper = bounds(desired, minimum, maximum)
    fresh = [member for member in members if member.new]
    old = sorted((member for member in members if not member.new), key=lambda member: (member.ready, member.created))
    sound = [member for member in fresh if not member.sick]
    ready = sum(member.ready for member in fresh)
    missing = max(desired - len(sound), 0)
    room = max(upper - len(members), 0)
    blocked = max(missing - room, 0)
    stop = [member.arn for member in surplus(sound, len(sound) - desired)]
    stop += [member.arn for member in retired_sick(fresh, ready >= desired, blocked)]
    stop += [member.arn for member in retired_old(old, ready, desired, lower, blocked)]
    return Plan(start=min(missing, room), stop=stop)


def surplus(sound: list[Member], count: int) -> list[Member]:
    """Return the tasks to stop in excess of the desired count: first those that are not ready, then the newest."""
    order = sorted(sound, key=lambda member: (member.ready, -member.created))
    return order[: max(count, 0)]


def retired_sick(fresh: list[Member], replaced: bool, blocked: int) -> list[Member]:  # noqa: FBT001 - pytest gives it by name
    """Return unhealthy tasks to stop: all once enough others are ready, else as many as block new tasks."""
    sick = [member for member in fresh if member.sick]
    return sick if replaced else sick[:blocked]


def retired_old(old: list[Member], ready: int, desired: int, lower: int, blocked: int) -> list[Member]:
    """Return old deployments' tasks to stop, without going below the minimum healthy count."""
    if ready >= desired:
        return old
    useless = [member for member in old if not member.ready and not member.proven]
    resting = [member for member in old if not member.ready and member.proven][:blocked]
    healthy = [member for member in old if member.ready]
    allowed = max(ready + len(healthy) - lower, 0)
    wanted = max(ready + len(healthy) - desired, blocked - len(useless) - len(resting), 0)
    return useless + resting + healthy[: min(allowed, wanted)]


def threshold(desired: int, given: dict[str, object] | None = None) -> int:
    """Return the circuit breaker's threshold of failed tasks: half the desired count, between 3 and 200."""
    if given:
        value = int(str(given.get("value", 0)))
        share = math.ceil(desired * value / 100)
        kinds = {"COUNT": value, "UNBOUNDED_PERCENT": share}
        return max(kinds.get(str(given.get("type")), min(max(share, BREAKER_LEAST), BREAKER_MOST)), 1)
    return min(max(math.ceil(desired / 2), BREAKER_LEAST), BREAKER_MOST)
