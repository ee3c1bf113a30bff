"""What several tests of the deploy engine begin with: releases, acceptance runs, rollbacks and failed deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from delivery.deploying import deploy
from delivery.deploying.acceptance import Acceptance
from delivery.deploying.rollback import Rollback
from delivery.errors import DeliveryError, InterruptedDeliveryError
from tests.unit.delivery.world import FIRST, World

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from delivery.release.manifest import Manifest

GOOD, NEXT = "a" * 40, "b" * 40
ONE, TWO, BAD = "1" * 40, "2" * 40, "3" * 40
RUN = "11111111-2222-3333-4444-555555555555"


def accept(world: World, root: Path, of: Manifest | None, *, safe_only: bool = False, put_back: bool = True) -> None:
    """Run the acceptance of what is served."""
    Acceptance(
        session=world.session, manifest=of, root=root, reports=root / "reports", safe_only=safe_only
    ).run(put_back=put_back)  # fmt: skip


def deployed(world: World, commit: str = GOOD) -> Manifest:
    """Deploy a release; returns its manifest."""
    release = world.release(commit)
    deploy.run(world.session, release)
    return release


def released(world: World, *commits: str, passed: Sequence[str] = (ONE, TWO)) -> None:
    """Deploy releases one after the other."""
    for commit in commits:
        deploy.run(world.session, world.release(commit))
        for name in world.names:
            if commit in passed:
                world.passed(name)
    world.lines.clear()
    world.aws.calls.clear()


def roll_back(world: World, to: str = "", *, stop: bool = False) -> str:
    """Roll back; returns the commits that serve again."""
    return Rollback(session=world.session, commit=to, stop_execution=stop).run()


def failed(world: World, told: str, behaviour: str = "good") -> str:
    """Deploy a release that fails with these words; returns the message, having looked that the first one serves."""
    with pytest.raises(DeliveryError, match=told) as failure:
        deploy.run(world.session, world.release(GOOD, web=behaviour))
    assert not isinstance(failure.value, InterruptedDeliveryError)
    assert world.running() == "staging-web:1"
    assert {task.definition for task in world.ecs.tasks if task.status == "RUNNING"} == {world.arn("staging-web:1")}
    assert world.tags("staging-web:2")["slipway:result"].startswith("failed 20")
    assert "slipway:result" not in world.tags("staging-web:1")
    assert str(failure.value).endswith(f"; put back: web serves staging-web:1 ({FIRST})")
    return str(failure.value)
