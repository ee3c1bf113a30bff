"""The arithmetic of a rolling update."""

from __future__ import annotations

import pytest

from localcloud.services.ecs.rolling_update import Member, bounds, plan, threshold


def members(*, new: str = "", old: str = "") -> list[Member]:
    """Return tasks by letters: r ready, p pending (never ready), u was ready but is not, s sick."""
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
        ("", "", (100, 200), 2, []),  # a first deployment starts all
        ("", "rr", (100, 200), 2, []),  # a roll starts beside the old ones
        ("pp", "rr", (100, 200), 0, []),  # and stops nothing before a new one is ready
        ("rp", "rr", (100, 200), 0, ["o0"]),  # each ready one replaces one
        ("rr", "rr", (100, 200), 0, ["o0", "o1"]),
        ("", "rr", (50, 100), 0, ["o0"]),  # without room the minimum tells how many go first
        ("", "r", (50, 100), 1, []),
        ("", "rr", (0, 100), 0, ["o0", "o1"]),
        ("", "rr", (100, 150), 1, []),
        ("", "rp", (100, 200), 2, ["o1"]),  # what never was healthy need not stay
        ("", "ru", (100, 200), 2, []),  # what was healthy may come back
        ("rrrr", "", (100, 200), 0, ["n3", "n2"]),  # scaling down takes the newest
        ("rs", "", (100, 200), 1, []),  # a sick task is replaced before it is stopped
        ("rrs", "", (100, 200), 0, ["n2"]),
        ("rs", "", (100, 100), 0, ["n1"]),  # unless there is no room
    ],
)
def test_a_plan_stays_within_its_bounds(
    new: str, old: str, percents: tuple[int, int], start: int, stop: list[str]
) -> None:
    """Two desired tasks in every situation."""
    made = plan(members(new=new, old=old), 2, *percents)
    assert (made.start, sorted(made.stop)) == (start, sorted(stop))


def test_a_service_scaled_to_nothing_stops_all() -> None:
    """Desired count 0."""
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
    """By count, or by percent with and without AWS's bounds."""
    assert threshold(10, {"type": "COUNT", "value": 2}) == 2
    assert threshold(10, {"type": "UNBOUNDED_PERCENT", "value": 10}) == 1
    assert threshold(10, {"type": "BOUNDED_PERCENT", "value": 10}) == 3
