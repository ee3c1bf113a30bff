"""DORA's four figures, of releases that went well, failed or were gone back from."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from delivery.operator import metrics, releases
from delivery.operator.release_record import Outcome, Record, State, Step
from tests.unit.delivery.scenarios import roll_back
from tests.unit.delivery.test_history import ONE, TWO, released

if TYPE_CHECKING:
    from tests.unit.delivery.commands import Commands
    from tests.unit.delivery.world import World

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def minutes(number: float) -> timedelta:
    """Return so many minutes."""
    return timedelta(minutes=number)


def record(
    state: State = State.RELEASED, took: float = 10, back: float | None = None, committed: float | None = None
) -> Record:
    """Return a release whose Deploy to production began a minute after the push."""
    ended = NOW + minutes(took)
    step = Step(stage="Production", action="Deploy", status="Succeeded", began=NOW + minutes(1), ended=ended)
    return Record(
        stack="prod",
        execution="e",
        commit=ONE,
        message="",
        committed=None if committed is None else NOW - minutes(committed),
        began=NOW,
        released=None if state == State.FAILED else ended,
        ended=ended,
        outcome=Outcome(state=state),
        approval=None,
        steps=[step],
        services=[],
        gone_back=None if back is None else NOW + minutes(back),
    )


def measured(*records: Record) -> metrics.Metrics:
    """Return the figures of thirty days of production."""
    return metrics.of_records(records, "prod", days=30, stage="Production")


def test_the_four_figures_of_a_month() -> None:
    """Medians of five values and more; a rate of those that reached production."""
    found = measured(
        *[record(took=minute, committed=60) for minute in (10, 20, 30)],
        record(State.ROLLED_BACK, took=40, back=61),
        record(State.FAILED, back=11),
    )
    assert found.lead_seconds == [60 * number for number in (70, 80, 90, 40)]
    assert (found.releases, found.failed, found.from_commit) == (5, 2, 3)
    assert found.restore_seconds == [3600, 600]
    told = metrics.lines(found)
    assert told[2] == "deployment frequency   5 releases in 30 days, 1.2 a week"
    assert told[3].startswith(
        "lead time for changes  4 values, no median: 40 min to 1 h (3 from the commit, 1 from the push)"
    )
    assert told[4] == "change failure rate    2 of 5 (40%)"
    assert told[5] == "time to restore        2 values, no median: 10 min to 1 h"
    assert max(map(len, told)) <= 100
    more = measured(*[record(took=minute, committed=0) for minute in (10, 20, 30, 40, 50)])
    assert "median 30 min of 5 (from the commit)" in metrics.lines(more)[3]
    assert more.as_json()["lead_seconds_median"] == 1800
    assert more.as_json()["change_failure_rate"] == 0


def test_few_releases_have_no_median_and_no_rate() -> None:
    """It is said so; without any there is nothing to divide by."""
    told = metrics.lines(measured(record(State.ROLLED_BACK)))
    assert told[2] == "deployment frequency   1 release in 30 days, 0.2 a week"
    assert "1 value, no median: 10 min" in told[3]
    assert told[4].endswith("1 of 1 (100%); too few releases for a rate")
    assert told[5].endswith("no value; 1 of unknown end")
    assert metrics.lines(measured())[1] == "0 releases in 30 days: nothing to measure"
    assert measured().as_json()["change_failure_rate"] is None


@pytest.mark.parametrize("at", ["Build/Build", "Staging/Acceptance", "Approval/Approve"])
def test_what_failed_before_production_is_no_failure_of_it(piped: World, at: str) -> None:
    """It was stopped in time; it is no deployment either."""
    released(piped, ONE, stop_at=at, status="Failed", execution="Failed")
    records = releases.of_stack(piped.session, since=releases.days_ago(piped.session, 30))
    found = metrics.of_records(records, "staging", days=30, stage="Production")
    assert (found.releases, found.failed) == (0, 0)


def test_metrics_is_a_command(piped_commands: Commands) -> None:
    """Of the last days only: what is older is not counted, the first image never."""
    world = piped_commands.world
    released(world, ONE)
    world.time.now += 40 * 86400
    released(world, TWO)
    roll_back(world)
    code, told = piped_commands("metrics")
    assert (code, "2 releases in 30 days" in told) == (0, True)  # this machine's clock, which is behind
    assert json.loads(piped_commands("metrics", "--json")[1])["stack"] == "staging"
    for days, count in ((30, 1), (60, 2)):
        metrics.run(world.session, days, as_json=True)
        found = json.loads(piped_commands.capsys.readouterr().out)
        assert (found["releases"], found["failed"], found["from_commit"]) == (count, 1, 0)
    assert piped_commands("metrics", "--days", "0")[0] == 2
