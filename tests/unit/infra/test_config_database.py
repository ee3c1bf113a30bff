"""What RDS would refuse of a database's configuration is refused before anything is created."""

from __future__ import annotations

from typing import Any

import pytest

from infra.config import database_names
from infra.config.errors import ConfigError
from localcloud.services.rds import master_user
from tests.unit.infra.test_config import load, service

DATABASE = "Pulumi.staging.yaml: slipway:environment.database"


def found(**section: Any) -> list[str]:  # noqa: ANN401
    """Return the problems of a stack with this database, none if it is valid."""
    try:
        load(service() | {"database": section})
    except ConfigError as error:
        return str(error).splitlines()
    return []


def windows(backup: str, maintenance: str) -> list[str]:
    """Return the problems of two windows."""
    return found(backup_window=backup, maintenance_window=maintenance)


@pytest.mark.parametrize(
    ("backup", "maintenance"),
    [
        ("01:00-02:00", "sun:03:00-sun:04:00"),
        ("01:00-02:00", "sun:02:00-sun:02:30"),
        ("23:45-00:15", "mon:00:15-mon:01:00"),
        ("12:00-12:30", "sun:23:00-mon:01:00"),
    ],
)
def test_windows_that_do_not_overlap_are_taken(backup: str, maintenance: str) -> None:
    """Over midnight and over the end of the week, too."""
    assert windows(backup, maintenance) == []


@pytest.mark.parametrize(
    ("backup", "maintenance"),
    [
        ("01:00-02:00", "sun:01:59-sun:02:30"),
        ("23:30-00:30", "mon:00:00-mon:01:00"),
        ("00:30-01:00", "sun:23:00-mon:01:00"),
        ("03:00-03:30", "sat:00:00-sun:00:00"),
    ],
)
def test_windows_that_overlap_are_refused(backup: str, maintenance: str) -> None:
    """On whichever day."""
    assert windows(backup, maintenance) == [
        f'{DATABASE}.backup_window is "{backup}"; it overlaps maintenance_window ({maintenance}), which RDS refuses; '
        "move one of them"
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("backup_window", "1:00-2:00"),
        ("backup_window", "24:00-25:00"),
        ("backup_window", "sun:01:00-sun:02:00"),
        ("maintenance_window", "03:00-04:00"),
        ("maintenance_window", "Sun:03:00-Sun:04:00"),
        ("maintenance_window", "sun:03:00-sun:04:60"),
    ],
)
def test_a_malformed_window_is_refused_with_its_form(key: str, value: str) -> None:
    """As RDS writes it."""
    both = {"backup_window": "01:00-02:00", "maintenance_window": "sun:03:00-sun:04:00"} | {key: value}
    (line,) = found(**both)
    assert line.startswith(f'{DATABASE}.{key} is "{value}"; it must be ')
    assert "in UTC, such as" in line


@pytest.mark.parametrize(
    ("backup", "maintenance", "minutes"),
    [("01:00-01:29", "sun:03:00-sun:04:00", 29), ("01:00-02:00", "sun:03:00-sun:03:00", 0)],
)
def test_a_short_window_is_refused(backup: str, maintenance: str, minutes: int) -> None:
    """Half an hour is the least."""
    (line,) = windows(backup, maintenance)
    assert line.endswith(f"it has {minutes} minutes and RDS needs at least 30; make it longer")


@pytest.mark.parametrize("key", ["backup_window", "maintenance_window"])
def test_one_window_without_the_other_is_refused(key: str) -> None:
    """AWS would choose the other at random."""
    value = {"backup_window": "01:00-02:00", "maintenance_window": "sun:03:00-sun:04:00"}[key]
    (line,) = found(**{key: value})
    assert line.endswith(
        f"is missing; the one that AWS chooses may overlap {key}, which RDS refuses; set both or neither"
    )


def test_the_limit_of_the_storage_is_a_tenth_above_it() -> None:
    """RDS refuses less."""
    assert found(storage=100, max_storage=110) == []
    assert found(storage=101, max_storage=111) == [
        f"{DATABASE}.max_storage is 111; RDS needs at least 10 % above storage (101); set at least 112"
    ]


@pytest.mark.parametrize("key", ["name", "user"])
@pytest.mark.parametrize("word", ["admin", "user", "db", "rdsadmin"])
def test_a_word_that_rds_reserves_is_refused(key: str, word: str) -> None:
    """On AWS minutes into the first `up`, when network and load balancer stand."""
    assert found(**{key: word}) == [
        f'{DATABASE}.{key} is "{word}"; RDS refuses it as a reserved word; choose another one, such as app'
    ]


def test_a_user_is_not_named_as_the_roles_of_postgresql_are() -> None:
    """A database may be."""
    assert found(name="pg_app") == []
    assert found(user="pg_app") == [
        f'{DATABASE}.user is "pg_app"; PostgreSQL reserves role names that begin with pg_; choose another one'
    ]


@pytest.mark.parametrize("word", ["postgres", "app", "root", "data"])
def test_other_names_are_taken(word: str) -> None:
    """`postgres` is what RDS's console proposes."""
    assert found(name=word, user=word) == []


def test_the_local_rds_refuses_the_same_words() -> None:
    """So that what is valid here comes up there."""
    assert database_names.RESERVED == master_user.RESERVED
