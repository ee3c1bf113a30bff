"""The alarm by which ECS rolls a deployment back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra.config.errors import ConfigError
from tests.stack import program

if TYPE_CHECKING:
    from tests.fake_engine import FakeEngine


def staging(patch: pytest.MonkeyPatch, **keys: object) -> FakeEngine:
    """Run staging with these keys of its service."""
    config: dict[str, Any] = program.stack_file("staging")
    config["slipway:environment"]["services"]["web"] |= keys
    return program.run(patch, config, engine=program.account())[0]


def test_ecs_watches_deployments_by_an_alarm_on_failed_requests_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of its own target group, so that no other service's failures roll it back."""
    engine = staging(monkeypatch, rollback_alarm={"failed_requests": 7, "minutes": 2})
    (service,) = engine.of("ecs/service:Service")
    (alarm,) = [one for one in engine.of("MetricAlarm") if one.name == "staging-web-rollback"]
    assert service.inputs["alarms"] == {"alarmNames": [alarm.inputs["name"]], "enable": True, "rollback": True}
    assert set(alarm.inputs["dimensions"]) == {"LoadBalancer", "TargetGroup"}
    assert (alarm.inputs["threshold"], alarm.inputs["period"], alarm.inputs["evaluationPeriods"]) == (7, 60, 2)
    assert alarm.inputs["treatMissingData"] == "notBreaching"


def test_without_the_key_nothing_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that is up sees no change."""
    engine = staging(monkeypatch)
    (service,) = engine.of("ecs/service:Service")
    assert "alarms" not in service.inputs
    assert not [one for one in engine.of("MetricAlarm") if one.name.endswith("-rollback")]


def test_the_time_that_ecs_watches_counts_as_part_of_a_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment that puts a release back has to end in time with it, too."""
    staging(monkeypatch, deregistration_delay=300)
    with pytest.raises(ConfigError, match=r"a deployment may take \d+ s with it"):
        staging(monkeypatch, deregistration_delay=300, rollback_alarm={"minutes": 5})
