"""The stages of a canary deployment, one scheduler step after the other, without containers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from localcloud.services.ecs import canary
from localcloud.services.ecs.rolling_update import Member

Doc = dict[str, Any]


@dataclass
class World:
    """A service whose blue deployment has two tasks, and a canary deployment that begins."""

    minutes: int = 0
    wrong: str = ""
    applied: bool = True
    shares: list[float] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    succeeded: bool = False

    def __post_init__(self) -> None:
        """Create the documents and what the stages use."""
        settings = {"canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": self.minutes}}
        self.green: Doc = self.deployment("green") | {"canary": {"stage": "PRE_SCALE_UP", "since": 0, "percent": None}}
        self.green["canary"]["since"] = time.time()
        self.blue = self.deployment("blue")
        self.service: Doc = {
            "desiredCount": 2, "deployments": [self.green, self.blue], "completedRevision": "blue", "events": [],
        }  # fmt: skip
        self.tasks: dict[str, Doc] = {}
        for name in ("blue-1", "blue-2"):
            self.add(name, "blue")
        tables: Any = SimpleNamespace(
            tasks=SimpleNamespace(rows=self.tasks), rollouts={"r": {"deploymentConfiguration": settings}},
            tasks_of=lambda _: list(self.tasks.values()), event=lambda *_: None, save_service=lambda _: None,
        )  # fmt: skip
        own: Any = self
        factory: Any = SimpleNamespace(service_task=lambda _, deployment: deployment["id"])
        self.stages = canary.Canary(tables, own, own, own, factory, own)

    def problem(self, _deployment: Doc, *, settled: bool) -> str:
        """Return why traffic cannot be shifted."""
        assert settled
        return self.wrong

    @staticmethod
    def deployment(name: str) -> Doc:
        """Return a deployment in progress."""
        return {"id": name, "revision": name, "retryAt": 0, "rolloutState": "IN_PROGRESS", "rollingBack": False,
                "rollout": "r"}  # fmt: skip

    def add(self, name: str, owner: str) -> None:
        """Add a running task."""
        self.tasks[name] = {"taskArn": name, "startedBy": owner, "desiredStatus": "RUNNING"}

    def launch(self, owner: str) -> None:
        """Start a task of a deployment."""
        self.add(f"{owner}-{len(self.tasks) + 1}", owner)

    def stop(self, task: Doc, _code: str, _reason: str) -> None:
        """Stop a task."""
        self.stopped.append(task["taskArn"])
        del self.tasks[task["taskArn"]]

    def shift(self, deployment: Doc, percent: float) -> bool:
        """Shift traffic."""
        self.shares.append(percent if deployment is self.green else 100 - percent)
        return self.applied

    def enter(self, _service: Doc, deployment: Doc, stage: str) -> None:
        """Enter a stage."""
        deployment["canary"].update(stage=stage, since=time.time())

    def share(self, _service: Doc, deployment: Doc, percent: float) -> None:
        """Record a share."""
        deployment["canary"]["percent"] = percent

    def misled(self, _service: Doc, why: str) -> None:
        """Fail the deployment."""
        self.failed.append(why)
        self.green["rolloutState"] = "FAILED"

    def succeed(self, _service: Doc) -> None:
        """Complete the deployment."""
        self.succeeded = True
        self.green["rolloutState"] = "COMPLETED"

    def step(self, *, ready: bool = True) -> str:
        """Run one step with all tasks ready or not; returns the stage after it."""
        members = [
            Member(arn=name, created=1, new=task["startedBy"] == "green", ready=ready or task["startedBy"] == "blue")
            for name, task in self.tasks.items()
        ]
        done = {task["startedBy"] for task in self.tasks.values()} == {"green"}
        self.stages.step(self.service, self.green, members, done=done)
        return str(self.green["canary"]["stage"])

    def owners(self) -> list[str]:
        """Return the deployments of the tasks that run."""
        return sorted(task["startedBy"] for task in self.tasks.values())


@pytest.fixture
def world() -> World:
    """A canary that does not bake."""
    return World()


def test_a_canary_goes_through_the_documented_stages(world: World) -> None:
    """Green beside blue, a share, all of it, and only then the end of blue."""
    assert world.step() == "SCALE_UP"
    assert world.step(ready=False) == "SCALE_UP"
    assert world.owners() == ["blue", "blue", "green", "green"]
    assert world.step(ready=False) == "SCALE_UP"
    assert world.shares == []
    assert [world.step() for _ in range(2)] == ["POST_SCALE_UP", "PRODUCTION_TRAFFIC_SHIFT"]
    assert [world.step() for _ in range(4)] == [
        "PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP",
    ]  # fmt: skip
    assert world.shares == [10.0, 100.0]
    assert world.stopped == []
    world.step()
    world.step()
    assert sorted(world.stopped) == ["blue-1", "blue-2"]
    assert world.succeeded


def test_a_share_that_is_not_in_effect_yet_is_asked_for_again(world: World) -> None:
    """The time for which the canary bakes begins when the load balancer has it."""
    world.launch("green")
    world.launch("green")
    world.green["canary"]["stage"] = "PRODUCTION_TRAFFIC_SHIFT"
    world.applied = False
    assert [world.step() for _ in range(3)] == ["PRODUCTION_TRAFFIC_SHIFT"] * 3
    assert world.shares == [10.0] * 3
    assert "until" not in world.green["canary"]


def test_a_canary_bakes_and_a_failed_blue_task_is_replaced_meanwhile() -> None:
    """For its minutes; the weights are written once."""
    world = World(minutes=1)
    world.launch("green")
    world.launch("green")
    world.green["canary"]["stage"] = "PRODUCTION_TRAFFIC_SHIFT"
    del world.tasks["blue-1"]
    assert [world.step() for _ in range(3)] == ["PRODUCTION_TRAFFIC_SHIFT"] * 3
    assert (world.shares, world.owners()) == ([10.0], ["blue", "blue", "green", "green"])
    world.green["canary"]["until"] = 0
    world.step()
    world.step()
    assert world.shares == [10.0, 100.0]


def test_a_canary_that_replaces_another_begins_with_all_traffic_on_blue(world: World) -> None:
    """The tasks of the replaced one are stopped only when they get no request any more."""
    world.add("replaced-1", "replaced")
    world.green["canary"]["stage"] = "RECONCILE_SERVICE"
    world.applied = False
    assert world.step() == "RECONCILE_SERVICE"
    assert (world.shares, world.stopped) == ([0], [])
    world.applied = True
    world.step()
    assert world.stopped == ["replaced-1"]
    assert world.step() == "PRE_SCALE_UP"


def test_a_deployment_whose_traffic_cannot_be_shifted_fails_before_any_task_starts(world: World) -> None:
    """With the reason."""
    world.wrong = "no such rule"
    world.step()
    assert world.failed == ["of invalid networking configuration. no such rule"]
    assert world.owners() == ["blue", "blue"]


def test_a_stage_ends_after_a_day(world: World) -> None:
    """A canary whose tasks never become healthy is rolled back even without a circuit breaker."""
    world.green["canary"].update(stage="SCALE_UP", since=time.time() - canary.STAGE_MOST_SECONDS - 1)
    world.step(ready=False)
    assert world.failed == ["the lifecycle stage SCALE_UP timed out."]
