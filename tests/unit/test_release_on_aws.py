"""The model of a release's time on AWS follows the pipeline that is declared, and what each change of it would save."""

from __future__ import annotations

import re
from pathlib import Path

from contract.pipeline import Action, Project
from infra.config.environment import HealthCheck, Service
from infra.pipeline import steps
from tests.bench import release_on_aws
from tests.bench.release_on_aws import AT_ONCE, ON_DEMAND, ON_LAMBDA, ORCHESTRATION, SOURCE, Model, declared

COMMANDS = {
    "Build/Test": 20.0, "Build/Build": 15.0, "Staging/Deploy": 8.0, "Staging/Acceptance": 6.0, "Staging/Promote": 1.0,
    "Production/Deploy": 9.0, "Production/Smoke": 7.0,
}  # fmt: skip
ONE_BY_ONE = declared(parallel_tests=False)
WEB = Service(context="app")
DOCUMENT = Path(__file__).parents[2] / "docs/benchmarks.md"


def test_each_build_of_the_declared_pipeline_waits_for_its_machine() -> None:
    """One after the other, as CodePipeline runs stages and orders."""
    model = Model(commands=COMMANDS, rollout=0.0)
    waits = len(COMMANDS) * (ORCHESTRATION + ON_DEMAND) + ORCHESTRATION + SOURCE
    assert model.seconds(ONE_BY_ONE) == waits + sum(COMMANDS.values())


def test_of_two_actions_at_the_same_time_the_longer_one_counts() -> None:
    """Test and Build: the shorter one and its wait are saved."""
    model = Model(commands=COMMANDS, rollout=0.0)
    saved = model.seconds(ONE_BY_ONE) - model.seconds(declared(parallel_tests=True))
    assert saved == ORCHESTRATION + ON_DEMAND + COMMANDS["Build/Build"]


def test_a_build_that_is_not_queued_starts_sooner() -> None:
    """In each stage that has the action."""
    model, sooner = (Model(commands=COMMANDS, rollout=50.0, at_once=one) for one in ((), (Action.DEPLOY,)))
    assert model.seconds(ONE_BY_ONE) - sooner.seconds(ONE_BY_ONE) == 2 * (ON_DEMAND - AT_ONCE)


def test_lambda_compute_saves_the_wait_of_the_one_action_that_it_runs() -> None:
    """Promote: the others need Docker, or more time than there is."""
    assert {key.rpartition("-")[2] for key in on_lambda()} == {action.lower() for action in ON_LAMBDA}
    found = release_on_aws.ways(COMMANDS, WEB)
    names = ("with `parallel_tests`, as in the committed stack file", "with `parallel_tests` and `lambda_compute`")
    assert found[names[0]] - found[names[1]] == ON_DEMAND - AT_ONCE


def on_lambda() -> set[str]:
    """Return the keys of the build projects that can run there, of a release for one platform."""
    return {key for key, step in steps.STEPS.items() if step.fits_lambda and key != Project.INDEX}


def test_a_release_takes_half_as_long_on_reserved_capacity_with_the_tests_beside_the_build() -> None:
    """The goal that both keys are there for."""
    found = list(release_on_aws.ways(COMMANDS, WEB).values())
    assert found[-1] < found[0] / 2


def test_a_rollout_takes_as_long_as_the_service_is_configured_to() -> None:
    """Health checks and draining are the user's."""
    slow = Service(context="app", health_check=HealthCheck(interval=30, threshold=5), deregistration_delay=300)
    more = (30 * 5 - 5 * 2) + (300 - 15)
    assert release_on_aws.rollout(slow) - release_on_aws.rollout(WEB) == more


def test_every_way_saves_more_than_the_one_before() -> None:
    """They add up."""
    found = list(release_on_aws.ways(COMMANDS, WEB).values())
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == len(found)


def test_the_document_has_the_model_of_what_it_measured() -> None:
    """Its figures are of one run, and of the pipeline whose actions have the machine alone, if it has several."""
    text = DOCUMENT.read_text("utf-8")
    alone = re.search(r"warm, one action after the other \|.*?\| commit to production", text, re.DOTALL)
    rows = re.findall(r"- of it (\S+) \| ([\d.]+) s", alone[0] if alone else text)
    measured = {name: float(seconds) for name, seconds in rows}
    del measured["Source/Source"]
    for way, seconds in release_on_aws.ways(measured, WEB).items():
        assert f"| {way} | {seconds:.0f} s |" in text
