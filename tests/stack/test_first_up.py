"""Services that have never been stable are rolled out by each `up`; what is up is left to the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from infra import serving
from infra.live import records
from tests.fake_engine import Refused
from tests.stack import program

if TYPE_CHECKING:
    from tests.fake_engine import FakeEngine


def first_up(monkeypatch: pytest.MonkeyPatch, answer: program.Answer = program.nothing_stands) -> FakeEngine:
    """Run a stack whose services have recorded nothing."""
    engine = program.account({program.RECORDS: answer})
    return program.run(monkeypatch, program.stack_file("staging"), engine=engine)[0]


def refused(_: dict[str, Any]) -> dict[str, Any]:
    """Answer as the provider does for a role that may not read the parameters."""
    raise Refused("AccessDeniedException: not authorized to perform: ssm:GetParametersByPath")


def test_what_was_never_stable_is_built_and_rolled_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever `up` tried before."""
    engine = first_up(monkeypatch)
    assert engine.one("RegistryImage").ignored == ["authConfig"]
    assert engine.one("TaskDefinition", "staging-web-release").ignored == []
    assert engine.one("ecs/service:Service").ignored == []


def test_every_service_is_checked_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipeline decides which release it runs, unless `up` rolls out."""
    engine = first_up(monkeypatch)
    assert [(one.name, one.service, one.task_definition) for one in engine.checked] == [("web", "staging-web", None)]
    config = program.stack_file("staging")
    config["slipway:environment"]["rollout"] = "pulumi"
    engine, _ = program.run(monkeypatch, config)
    (checked,) = engine.checked
    assert str(checked.task_definition).endswith("TaskDefinition/staging-web-release")


def test_parameters_that_cannot_be_read_end_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is declared."""
    with pytest.raises(pulumi.RunError, match=r"the parameters below /slipway/staging/services/ cannot be read"):
        first_up(monkeypatch, refused)


def test_in_a_preview_every_service_then_counts_as_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The preview role of an older stack may not read them; nothing is planned for that."""
    warned: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warned.append)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)

    def denied(**_: object) -> None:
        raise Refused("AccessDeniedException")

    monkeypatch.setattr("pulumi_aws.ssm.get_parameters_by_path", denied)
    found = records.read("staging")
    assert (found.is_up("web"), found.facts("web")) == (True, None)
    assert warned == [
        "the parameters below /slipway/staging/services/ cannot be read, so every service counts as up: "
        "AccessDeniedException"
    ]


def test_a_record_of_another_version_is_of_a_service_that_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """This run writes it again."""
    answer = {"names": ["/slipway/staging/services/web"], "values": ["{}"], "arns": [], "types": []}
    engine = first_up(monkeypatch, lambda _: answer)
    assert engine.one("ecs/service:Service").ignored == ["taskDefinition", "loadBalancers[0].containerPort"]


def test_a_service_that_does_not_come_up_tells_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a hook of its ECS service, since the provider tells only that it does not; it is not tried again."""
    engine = first_up(monkeypatch)
    errors: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", errors.append)
    monkeypatch.setattr(serving.Check, "explain", lambda _, declared: [f"{declared.service} is out of memory"])
    monkeypatch.setattr("infra.clients.of", lambda _: None)
    assert "web-not-steady" in str(engine.options["aws:ecs/service:Service", "staging-web"])
    assert engine.hooks["web-not-steady"].callback(None) is False
    assert errors == ["the tasks of service web do not come up:\nstaging-web is out of memory"]
