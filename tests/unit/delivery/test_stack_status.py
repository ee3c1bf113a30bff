"""The status of a stack without a pipeline, half up or up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from delivery.operator import stack_status
from tests.unit.delivery.world import FIRST, World

if TYPE_CHECKING:
    import pytest


def test_a_stack_that_serves_is_shown_with_its_proof(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """And with the tasks of each service."""
    assert stack_status.show(world.session) == 0
    printed = capsys.readouterr().out
    assert "web: 2 of 2 tasks run" in printed
    assert f"staging serves {FIRST}, released " in printed
    assert "(proof: digest, health, version)" in printed


def test_a_stack_whose_first_up_goes_on_has_recorded_no_service_yet(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its tasks run already; as JSON it has the shape that it has with a pipeline."""
    assert stack_status.show(world.session, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["serving"]["versions"]["web"]["version"] == FIRST
    del world.parameters.values["/slipway/staging/services/web"]
    assert stack_status.show(world.session) == 0
    assert "what it serves is not known: no service has recorded itself yet" in capsys.readouterr().out
    assert stack_status.show(world.session, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["services"]["web"] == {"running": 2, "desired": 2, "reason": []}


def test_a_stack_that_is_half_up_ends_with_the_reason(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Its services have recorded nothing yet."""
    del world.parameters.values["/slipway/staging/services/web"]
    for task in world.ecs.tasks:
        task.status, task.code, task.reason = "STOPPED", 3, "Essential container in task exited"
    assert stack_status.show(world.session) == 1
    printed = capsys.readouterr().out.splitlines()
    assert "web: 0 of 2 tasks run" in printed
    assert printed[-1].startswith("web: task ")
    assert "the container ended with exit code 3" in printed[-1]


def test_a_stack_without_services_is_told_what_to_run(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Its `up` ended before them."""
    world.ecs.services.clear()
    assert stack_status.show(world.session) == 1
    assert "run: pulumi up -s staging" in capsys.readouterr().out
