"""Rules for `slipway:environment.database`: its names, its windows and the limit of its storage."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from infra.config.database_names import RESERVED
from infra.config.errors import Location, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.config.database import Database

DATABASE: Location = ("environment", "database")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60
WEEK = len(DAYS) * DAY
SHORTEST_WINDOW = 30
"""Minutes (RDS CreateDBInstance, PreferredBackupWindow and PreferredMaintenanceWindow: format, length, no overlap)."""
LEAST_GROWTH_PERCENT = 10
"""What the limit of the storage is above the storage, at least (RDS user guide, "Storage autoscaling")."""
TIME = r"([01]\d|2[0-3]):([0-5]\d)"
WINDOWS = {
    "backup_window": (re.compile(f"(){TIME}-(){TIME}"), "hh:mm-hh:mm in UTC, such as 01:00-02:00"),
    "maintenance_window": (
        re.compile(f"({'|'.join(DAYS)}):{TIME}-({'|'.join(DAYS)}):{TIME}"),
        "ddd:hh:mm-ddd:hh:mm in UTC, such as sun:03:00-sun:04:00",
    ),
}


class Window(NamedTuple):
    """A window: its start in minutes, since midnight or since the beginning of Monday, and its length in minutes."""

    start: int
    length: int


def check(section: Database) -> Iterator[Problem]:
    """Yield the problems of the section."""
    yield from _names(section)
    yield from _windows(section)
    if section.max_storage is not None:
        least = -(-section.storage * (100 + LEAST_GROWTH_PERCENT) // 100)
        if section.max_storage < least:
            rule = (
                f"RDS needs at least {LEAST_GROWTH_PERCENT} % above storage ({section.storage}); set at least {least}"
            )
            yield Problem.invalid((*DATABASE, "max_storage"), section.max_storage, rule, ((*DATABASE, "storage"),))


def _names(section: Database) -> Iterator[Problem]:
    """Yield the problems of the names, which RDS would refuse when everything before the database stands."""
    for key in ("name", "user"):
        value = getattr(section, key)
        if value in RESERVED:
            rule = "RDS refuses it as a reserved word; choose another one, such as app"
            yield Problem.invalid((*DATABASE, key), value, rule)
    if section.user.startswith("pg_"):
        rule = "PostgreSQL reserves role names that begin with pg_; choose another one"
        yield Problem.invalid((*DATABASE, "user"), section.user, rule)


def _windows(section: Database) -> Iterator[Problem]:
    """Yield the problems of both windows; the one that AWS would choose for the other could overlap the first."""
    values = {key: value for key in WINDOWS if (value := getattr(section, key)) is not None}
    found: dict[str, Window] = {}
    for key, value in values.items():
        period = DAY if key == "backup_window" else WEEK
        window = _window(key, value, period)
        if window is None:
            yield Problem.invalid((*DATABASE, key), value, f"it must be {WINDOWS[key][1]}; correct it")
        elif window.length < SHORTEST_WINDOW:
            rule = f"it has {window.length} minutes and RDS needs at least {SHORTEST_WINDOW}; make it longer"
            yield Problem.invalid((*DATABASE, key), value, rule)
        else:
            found[key] = window
    if len(values) == 1:
        (key,) = values
        other = next(name for name in WINDOWS if name != key)
        rule = f"is missing; the one that AWS chooses may overlap {key}, which RDS refuses; set both or neither"
        yield Problem((*DATABASE, other), rule, ((*DATABASE, key),))
    elif len(found) == len(WINDOWS) and _overlap(found["backup_window"], found["maintenance_window"]):
        rule = f"it overlaps maintenance_window ({section.maintenance_window}), which RDS refuses; move one of them"
        yield Problem.invalid(
            (*DATABASE, "backup_window"), section.backup_window, rule, ((*DATABASE, "maintenance_window"),)
        )


def _window(key: str, value: str, period: int) -> Window | None:
    """Return a window, None if it is malformed; one that ends before it starts ends in the next period."""
    match = WINDOWS[key][0].fullmatch(value)
    if match is None:
        return None
    start, end = (
        (DAYS.index(day) * DAY if day else 0) + int(hour) * 60 + int(minute)
        for day, hour, minute in (match.groups()[:3], match.groups()[3:])
    )
    return Window(start, (end - start) % period)


def _overlap(backup: Window, maintenance: Window) -> bool:
    """Return whether the daily window overlaps the weekly one on any day."""
    starts = [day * DAY + backup.start for day in range(len(DAYS))]
    return any(
        (start - maintenance.start) % WEEK < maintenance.length or (maintenance.start - start) % WEEK < backup.length
        for start in starts
    )
