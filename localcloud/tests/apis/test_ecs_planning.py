"""The planning of a rolling update."""

from __future__ import annotations

import pytest

from localcloud.services.ecs.rolling_update import Member, bounds, plan, threshold
from localcloud.services.ecs.task_documents import next_provider


def members(*, new: str = "", old: str = "") -> list[Member]:
    """Return tasks by letter: r ready, p pending (never ready), u no longer ready, s sick."""
    return [
        Member(
            arn=f"{kind}{index}",
            created=index,
            new=kind == "n",
            ready=letter == "r",
            sick=letter == "s",
            proven=letter in "ru",
        )
        for kind, letters in (("n", new), ("o", old))
        for index, letter in enumerate(letters)
    ]


@pytest.mark.parametrize(
    ("new", "old", "percents", "start", "stop"),
    [
        ("", "", (100, 200), 2, []),  # a first deployment starts all tasks
        ("", "rr", (100, 200), 2, []),  # a rolling update starts new tasks beside the old ones
        ("pp", "rr", (100, 200), 0, []),  # and stops none before a new one is ready
        ("rp", "rr", (100, 200), 0, ["o0"]),  # each ready task replaces an old one
        ("rr", "rr", (100, 200), 0, ["o0", "o1"]),
        ("", "rr", (50, 100), 0, ["o0"]),  # at the maximum, the minimum decides how many are stopped first
        ("", "r", (50, 100), 1, []),
        ("", "rr", (0, 100), 0, ["o0", "o1"]),
        ("", "rr", (100, 150), 1, []),
        ("", "rp", (100, 200), 2, ["o1"]),  # an old task that was never healthy need not stay
        ("", "ru", (100, 200), 2, []),  # a previously healthy one may recover
        ("rrrr", "", (100, 200), 0, ["n3", "n2"]),  # scaling in stops the newest
        ("rs", "", (100, 200), 1, []),  # a sick task is replaced before it is stopped
        ("rrs", "", (100, 200), 0, ["n2"]),
        ("rs", "", (100, 100), 0, ["n1"]),  # unless at the maximum
    ],
)
def test_a_plan_stays_within_its_bounds(
    new: str, old: str, percents: tuple[int, int], start: int, stop: list[str]
) -> None:
    """With a desired count of two."""
    made = plan(members(new=new, old=old), 2, *percents)
    assert (made.start, sorted(made.stop)) == (start, sorted(stop))


def test_a_service_scaled_to_nothing_stops_all() -> None:
    """With a desired count of 0."""
    made = plan(members(new="rr"), 0, 100, 200)
    assert (made.start, len(made.stop)) == (0, 2)


def test_bounds_round_towards_safety() -> None:
    """The minimum rounds up, the maximum down, as AWS documents."""
    assert bounds(3, 50, 150) == (2, 4)


@pytest.mark.parametrize(("desired", "limit"), [(0, 3), (1, 3), (6, 3), (7, 4), (25, 13), (1000, 200)])
def test_the_breaker_trips_at_half_the_desired_count(desired: int, limit: int) -> None:
    """At least 3, at most 200."""
    assert threshold(desired) == limit


def test_the_breaker_takes_a_threshold_of_ones_own() -> None:
    """As a count, or as a percentage with and without AWS's bounds."""
    assert threshold(10, {"type": "COUNT", "value": 2}) == 2
    assert threshold(10, {"type": "UNBOUNDED_PERCENT", "value": 10}) == 1
    assert threshold(10, {"type": "BOUNDED_PERCENT", "value": 10}) == 3


def test_tasks_are_placed_on_the_base_first_and_then_by_weight() -> None:
    """One task on demand and the rest on Spot; or shares of each."""
    spot = [
        {"capacityProvider": "FARGATE", "base": 1, "weight": 0},
        {"capacityProvider": "FARGATE_SPOT", "weight": 1},
    ]
    shares = [{"capacityProvider": "FARGATE", "weight": 1}, {"capacityProvider": "FARGATE_SPOT", "weight": 3}]

    def placed(strategy: list[dict[str, object]], count: int) -> list[str]:
        tasks: list[str] = []
        for _ in range(count):
            tasks.append(next_provider(strategy, tasks))
        return tasks

    assert placed(spot, 4) == ["FARGATE", "FARGATE_SPOT", "FARGATE_SPOT", "FARGATE_SPOT"]
    assert sorted(placed(shares, 4)) == ["FARGATE", "FARGATE_SPOT", "FARGATE_SPOT", "FARGATE_SPOT"]
    assert placed([], 1) == [""]
