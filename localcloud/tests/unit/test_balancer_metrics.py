"""What a load balancer publishes, by the counters that its proxy tells over a real socket."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from localcloud.services.elbv2.metrics import Metrics
from localcloud.services.elbv2.proxies import Proxies
from localcloud.services.elbv2.state import State, short
from localcloud.state.store import Store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

BALANCER = "arn:aws:elasticloadbalancing:eu-central-1:000000000000:loadbalancer/app/web/1"
GROUP = "arn:aws:elasticloadbalancing:eu-central-1:000000000000:targetgroup/web/2"
COLUMNS = "pxname,svname,lbtot,wredis,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx"
OWN, BOTH = "app/web/1", "app/web/1 targetgroup/web/2"


@dataclass
class Proxy:
    """HAProxy's admin socket: a worker with the counters of a listener and of a target."""

    worker: int = 8
    target: tuple[int, ...] = (0, 0, 0, 0, 0, 0)
    listener: tuple[int, ...] = (0, 0, 0, 0)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one command, as HAProxy does."""
        command = (await reader.readline()).decode()
        rows = [
            f"l_1,FRONTEND,,,{','.join(map(str, self.listener))}",
            f"g_{short(GROUP)},s0,{','.join(map(str, self.target))}",
        ]
        told = (
            f"Name: HAProxy\nPid: {self.worker}\n" if command == "show info\n" else "\n".join([f"# {COLUMNS}", *rows])
        )
        writer.write(told.encode())
        writer.close()


@dataclass
class Published:
    """The data points that were published, by metric and dimensions."""

    points: list[tuple[str, str, float]] = field(default_factory=list)

    def publish(
        self, _space: str, name: str, dimensions: dict[str, str], _at: float, _unit: str, values: list[int]
    ) -> None:
        """Take a data point."""
        self.points.append((name, " ".join(dimensions.values()), sum(values)))


class World:
    """A load balancer with a target group and a healthy target."""

    def __init__(self, folder: Path) -> None:
        """Make the documents."""
        self.published, self.proxy = Published(), Proxy()
        ctx: Any = SimpleNamespace(store=Store(folder / "store"), state_dir=folder, cloudwatch=self.published)
        self.state = State(ctx)
        self.state.balancers.put(BALANCER, {"LoadBalancerArn": BALANCER})
        forward = [{"Type": "forward", "TargetGroupArn": GROUP}]
        self.state.listeners.put("l", {"ListenerArn": "l", "LoadBalancerArn": BALANCER, "DefaultActions": forward})
        self.state.targets.put("t", {"TargetGroupArn": GROUP, "State": "healthy"})
        self.metrics = self.started()
        self.socket = folder / "elbv2" / short(BALANCER) / "admin.sock"
        self.socket.parent.mkdir(parents=True)

    def started(self) -> Metrics:
        """Return the metrics of a local cloud that has just started."""
        engine: Any = None
        return Metrics(self.state, Proxies(self.state, engine))

    def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run something while the proxy answers."""

        async def main() -> None:
            async with await asyncio.start_unix_server(self.proxy.answer, self.socket):
                await work()

        asyncio.run(main())

    def minute(self) -> list[tuple[str, str, float]]:
        """Publish a minute; returns its data points."""
        self.published.points.clear()
        self.run(lambda: self.metrics.publish(0))
        return sorted(self.published.points)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A load balancer whose proxy has answered nothing yet, published once."""
    world = World(tmp_path)
    world.metrics.fresh(BALANCER)
    assert world.minute() == []
    return world


def test_only_what_was_added_is_published_and_no_zeros(world: World) -> None:
    """For the target group and for the load balancer; a redispatched request counts once."""
    world.proxy.target, world.proxy.listener = (5, 1, 3, 0, 0, 1), (3, 0, 0, 3)
    counts = [("HTTPCode_Target_2XX_Count", 3.0), ("HTTPCode_Target_5XX_Count", 1.0), ("RequestCount", 4.0)]
    both = [(name, where, value) for name, value in counts for where in (OWN, BOTH)]
    assert world.minute() == sorted([*both, ("HTTPCode_ELB_5XX_Count", OWN, 2.0)])
    assert world.minute() == []
    world.proxy.target, world.proxy.listener = (6, 1, 4, 0, 0, 1), (4, 0, 0, 3)
    assert ("RequestCount", OWN, 1.0) in world.minute()


def test_a_request_in_flight_is_not_taken_for_the_balancers_own(world: World) -> None:
    """Its target's counter is ahead of the listener's when both are read."""
    world.proxy.target, world.proxy.listener = (1, 0, 0, 0, 0, 1), (0, 0, 0, 2)
    assert ("HTTPCode_ELB_5XX_Count", OWN, 1.0) in world.minute()
    world.proxy.target = (2, 0, 0, 0, 0, 2)
    assert "HTTPCode_ELB_5XX_Count" not in [row[0] for row in world.minute()]
    world.proxy.listener = (0, 0, 0, 3)
    assert world.minute() == []


@pytest.mark.parametrize("worker", [9, 8])
def test_a_new_worker_counts_from_zero(world: World, worker: int) -> None:
    """What the old one had counted was read before; one in a new container may have the same pid."""
    world.proxy.target, world.proxy.listener = (5, 0, 5, 0, 0, 0), (5, 0, 0, 0)
    world.run(lambda: world.metrics.read(BALANCER))
    world.proxy.worker, world.proxy.target, world.proxy.listener = worker, (2, 0, 2, 0, 0, 0), (2, 0, 0, 0)
    assert ("RequestCount", OWN, 7.0) in world.minute()


def test_a_kill_loses_no_request(world: World) -> None:
    """The counters that were read last are on disk."""
    world.proxy.target, world.proxy.listener = (5, 0, 5, 0, 0, 0), (5, 0, 0, 0)
    world.minute()
    world.proxy.target = (9, 0, 9, 0, 0, 0)
    world.metrics = world.started()
    assert ("RequestCount", OWN, 4.0) in world.minute()


def test_what_an_older_version_left_uncounted_is_not_published(tmp_path: Path) -> None:
    """A proxy that was there before its counters were read may have counted for days."""
    world = World(tmp_path)
    world.proxy.target, world.proxy.listener = (900, 0, 0, 0, 0, 900), (0, 0, 0, 900)
    assert world.minute() == []
    world.proxy.target = (901, 0, 0, 0, 0, 901)
    assert ("RequestCount", OWN, 1.0) in world.minute()


def test_hosts_are_counted_by_their_health(world: World) -> None:
    """Zero unhealthy ones are a data point, unlike counts; without a proxy they are published all the same."""
    asyncio.run(world.metrics.sample())
    assert world.minute() == [("HealthyHostCount", BOTH, 1.0), ("UnHealthyHostCount", BOTH, 0.0)]
