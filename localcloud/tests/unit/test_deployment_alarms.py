"""How long alarms are watched after a deployment, and which of them are."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.services.ecs import deployment_alarms


class Alarms:
    """Alarms by name: those in ALARM, and their periods."""

    def __init__(self, *on: str, **known: tuple[int, int]) -> None:
        """Take the names of those in ALARM; period and evaluation periods of all."""
        self._on, self._known = on, known

    def state(self, name: str) -> str:
        """Return an alarm's state."""
        return "ALARM" if name in self._on else "OK"

    def alarm(self, name: str) -> dict[str, int] | None:
        """Return an alarm."""
        found = self._known.get(name)
        return {"Period": found[0], "EvaluationPeriods": found[1]} if found else None


def service(**alarms: object) -> dict[str, Any]:
    """Return a service with deployment alarms."""
    given = {"alarmNames": ["a", "b"], "enable": True, "rollback": True} | alarms
    return {"deploymentConfiguration": {"alarms": given}}


@pytest.mark.parametrize(
    ("known", "seconds"),
    [({"a": (60, 3), "b": (10, 1)}, 180), ({"a": (300, 3)}, 300), ({}, 0)],
    ids=["the slowest", "at most five minutes", "none exists"],
)
def test_the_bake_time_is_what_the_slowest_alarm_needs(known: dict[str, tuple[int, int]], seconds: int) -> None:
    """All of its periods; one that does not exist needs none."""
    cloudwatch: Any = Alarms(**known)
    assert deployment_alarms.bake_seconds(service(), ["a", "b"], cloudwatch) == seconds


def test_a_bake_time_that_is_set_is_kept() -> None:
    """In minutes, whatever the alarms are."""
    own, cloudwatch = service(), Alarms(a=(60, 3))
    own["deploymentConfiguration"]["bakeTimeInMinutes"] = 7
    typed: Any = cloudwatch
    assert deployment_alarms.bake_seconds(own, ["a"], typed) == 420


def test_alarms_that_are_off_or_on_already_are_not_watched() -> None:
    """Without the setting there is no member at all."""
    quiet, loud = Alarms(), Alarms("b")
    for cloudwatch, own, status in (
        (quiet, service(), "MONITORING"), (loud, service(), "DISABLED"), (quiet, service(enable=False), "DISABLED"),
    ):  # fmt: skip
        typed: Any = cloudwatch
        begun = deployment_alarms.begun(own, typed)
        assert begun["alarms"]["status"] == status
        assert deployment_alarms.monitored(begun) == (["a", "b"] if status == "MONITORING" else [])
    nothing: Any = quiet
    assert deployment_alarms.begun({"deploymentConfiguration": {}}, nothing) == {}
