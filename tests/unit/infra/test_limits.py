"""Time limits that cannot work together are refused before anything is created."""

from __future__ import annotations

from typing import Any

import pytest

from contract import limits
from infra.config.errors import ConfigError
from tests.unit.infra.test_config import load, service

WEB = "Pulumi.staging.yaml: slipway:environment.services.web"


def found(**section: Any) -> list[str]:  # noqa: ANN401
    """Return the problems of a stack with this service, none if it is valid."""
    try:
        load(service(**section))
    except ConfigError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize(
    "section",
    [
        {},
        {"deregistration_delay": 300},
        {"grace_period": 300, "stop_timeout": 120},
        {"grace_period": 485},
    ],
)
def test_limits_that_fit_are_taken(section: dict[str, Any]) -> None:
    """The delay that AWS sets by itself, too, and a slow start."""
    assert found(**section) == []


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ({"deregistration_delay": 3600}, "deregistration_delay", 3600),
        ({"grace_period": 486}, "grace_period", 486),
        ({"grace_period": 100_000}, "grace_period", 100_000),
        ({"health_check": {"interval": 300, "threshold": 10}}, "health_check.interval", 300),
    ],
)
def test_a_deployment_that_would_be_given_up_is_refused_at_its_largest_key(
    section: dict[str, Any], key: str, value: int
) -> None:
    """Each release would be put back, and the putting back be given up."""
    (line,) = found(**section)
    assert line.startswith(f"{WEB}.{key} is {value}; a deployment may take ")
    assert f"is given up after {limits.BACK_SECONDS} s; lower it by " in line


def pipeline(**section: Any) -> list[str]:  # noqa: ANN401
    """Return the problems of a production with this pipeline, none if it is valid."""
    whole = {"repository": "a/b", "staging": "staging", "approval": "manual", **section}
    try:
        load(stack="prod", registry=None, images={"from_stack": "staging"}, pipeline=whole)
    except ConfigError as error:
        return [line for line in str(error).splitlines() if "github:owner" not in line]
    return []


def test_artifacts_outlive_the_approval() -> None:
    """What is released after it lies in them."""
    assert pipeline(approval_minutes=10080, artifact_days=8) == []
    assert pipeline(approval_minutes=10081, artifact_days=8) == [
        "Pulumi.prod.yaml: slipway:pipeline.artifact_days is 8; a release that waits for its approval for "
        "approval_minutes (10081) needs its artifacts for 9 days; set at least 9, or lower approval_minutes"
    ]


def test_without_an_approval_artifacts_are_needed_for_a_day() -> None:
    """Whatever the default of the approval's minutes is."""
    assert pipeline(approval="automatic", artifact_days=1) == []
