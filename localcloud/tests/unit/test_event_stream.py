"""Docker's event stream, with reconnection after any interruption."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from localcloud.docker_engine import event_stream
from localcloud.docker_engine.event_stream import EventStream
from localcloud.docker_engine.service_containers import ServiceContainers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localcloud.context import Context


class FakeStream:
    """A stream of events that ends with or without an error."""

    def __init__(self, *events: dict[str, Any], error: Exception | None = None) -> None:
        self._events, self._error = events, error
        self.closed = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        yield from self._events
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Record that it was closed."""
        self.closed = True


def connecting(*outcomes: FakeStream | Exception) -> Callable[[], FakeStream]:
    """Return a function that returns or raises the outcomes in order."""
    left = list(outcomes)

    def connect() -> FakeStream:
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return connect


def followed(*outcomes: FakeStream | Exception) -> tuple[list[Any], list[float]]:
    """Follow a stream until all outcomes are used; return the calls in order, and the delays."""
    seen: list[Any] = []
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == len(outcomes):
            stream.close()

    stream = EventStream(connecting(*outcomes), seen.append, lambda: seen.append("reconnected"), wait)
    stream.follow()
    return seen, waits


def test_a_stream_that_ends_and_one_that_raises_are_followed_by_a_new_one() -> None:
    """Missed events are made up for after each reconnection, before its first event."""
    seen, _ = followed(
        FakeStream({"n": 1}),
        FakeStream({"n": 2}, error=ConnectionError("gone")),
        FakeStream({"n": 3}, error=ValueError("half a line")),
    )
    assert seen == [{"n": 1}, "reconnected", {"n": 2}, "reconnected", {"n": 3}]


def test_the_waits_grow_while_docker_is_away_and_start_again_afterwards() -> None:
    """Up to a limit; there is no reconciliation before the connection."""
    away = ConnectionError("refused")
    seen, waits = followed(*[away] * 7, FakeStream({"n": 1}), away)
    assert waits == [1, 2, 4, 8, 16, 30, 30, 1, 2]
    assert seen == ["reconnected", {"n": 1}]


def test_each_break_is_logged_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    """So that an unresponsive load balancer can be explained."""
    with caplog.at_level(logging.WARNING, event_stream.LOG.name):
        followed(FakeStream(error=ConnectionError("daemon killed")), FakeStream())
    first, *_, last = [record.getMessage() for record in caplog.records]
    assert first == "Docker's events do not come (ConnectionError: daemon killed); connecting again in 1 s"
    assert last == "Docker's events do not come (the stream ended); connecting again in 1 s"


def test_closing_ends_the_stream_without_a_new_connection() -> None:
    """It is closed from another thread while it blocks."""
    stream: EventStream
    given = FakeStream({"n": 1}, error=OSError("closed"))
    stream = EventStream(connecting(given), lambda _: stream.close(), lambda: None, lambda _: pytest.fail("waited"))
    stream.follow()
    assert given.closed


def test_a_service_reconciles_after_docker_was_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice, even though the first reconciliation failed; events are handled on the event loop."""
    monkeypatch.setattr(event_stream, "FIRST_DELAY_SECONDS", 0.0)
    broken = [FakeStream({"n": n}, error=ConnectionError("killed")) for n in range(3)]
    connect = connecting(*broken)
    client = SimpleNamespace(api=SimpleNamespace(events=lambda **_: connect()))
    context = cast("Context", SimpleNamespace(docker=client, network="none"))
    service = ServiceContainers(context, "balancer")
    seen: list[int] = []
    reconciled: list[int] = []

    async def watched() -> None:
        twice = asyncio.Event()

        async def reconcile() -> None:
            reconciled.append(len(seen))
            if len(reconciled) == len(broken) - 1:
                twice.set()
            raise ValueError("Docker is not whole yet")

        service.watch(lambda event: seen.append(event["n"]), reconcile)
        await asyncio.wait_for(twice.wait(), 30)
        await service.close()

    asyncio.run(watched())
    assert len(reconciled) == 2
    assert seen[:2] == [0, 1]
