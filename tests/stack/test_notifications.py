"""What a stack declares so that people are told: who may publish where, and what steps find recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract import runbook
from contract.runbook import Alarm
from tests.stack import program
from tests.stack.variants import KEY, RUNBOOK, SECRET, VARIANTS

if TYPE_CHECKING:
    import pytest

    from tests.fake_engine import FakeEngine

STEPS = {
    "prod-test",
    "prod-build",
    "prod-staging-deploy",
    "prod-staging-acceptance",
    "prod-staging-promote",
    "prod-production-deploy",
    "prod-production-smoke",
}


def run(monkeypatch: pytest.MonkeyPatch, **keys: object) -> FakeEngine:
    """Run production with keys of its pipeline's section."""
    config = program.stack_file("prod")
    for name in ("notify_steps", "chat_webhook_secret_arn"):
        config["slipway:pipeline"].pop(name, None)
    config["slipway:pipeline"] |= keys
    return program.run_prod(monkeypatch, config)[0]


def statements(engine: FakeEngine) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the statements of all roles, by role and Sid."""
    held = {one.name: json.loads(one.inputs["policy"])["Statement"] for one in engine.of("RolePolicy")}
    return {(role, one["Sid"]): one for role, every in held.items() for one in every}


def recorded(engine: FakeEngine) -> list[dict[str, Any]]:
    """Return what is recorded of the pipeline for each environment that it deploys to."""
    found = {one.inputs["name"]: json.loads(one.inputs["insecureValue"]) for one in engine.of("Parameter")}
    return [found[f"/slipway/{stack}/pipeline"] for stack in ("staging", "prod")]


def test_steps_that_notify_may_publish_to_the_pipelines_topic_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step; not the checks, which run whatever is pushed."""
    engine = run(monkeypatch, notify_steps=True)
    held = statements(engine)
    assert {role for role, sid in held if sid == "Notify"} == STEPS
    for (_, sid), statement in held.items():
        if sid == "Notify":
            assert statement["Action"] == ["sns:Publish"]
            assert statement["Resource"] == held["prod-pipeline", "AskForApproval"]["Resource"]
    assert not [sid for _, sid in held if sid in ("EncryptNotices", "FindChat")]
    (arn,) = held["prod-pipeline", "AskForApproval"]["Resource"]
    assert [one["topic"] for one in recorded(engine)] == [arn, arn]
    assert not [one for one in recorded(engine) if "chat_secret" in one]


def test_a_topic_that_a_key_encrypts_is_published_to_by_that_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """SNS asks for both permissions of whoever publishes."""
    held = statements(run(monkeypatch, notify_steps=True, topic_key_arn=KEY))
    for role in STEPS:
        assert held[role, "EncryptNotices"]["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
        assert held[role, "EncryptNotices"]["Resource"] == [KEY]


def test_a_chat_is_a_channel_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps may read this one secret; without the other key nothing goes to the topic."""
    engine = run(monkeypatch, chat_webhook_secret_arn=SECRET, topic_key_arn=KEY)
    held = statements(engine)
    assert {role for role, sid in held if sid == "FindChat"} == STEPS
    assert held["prod-test", "FindChat"]["Action"] == ["secretsmanager:GetSecretValue"]
    assert held["prod-test", "FindChat"]["Resource"] == [SECRET]
    assert not [sid for _, sid in held if sid in ("Notify", "EncryptNotices")]
    assert [(one["chat_secret"], "topic" in one) for one in recorded(engine)] == [(SECRET, False)] * 2


def test_without_the_keys_no_step_may_notify_and_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a stack that stands has already, it keeps as it is."""
    engine = run(monkeypatch)
    assert not {sid for _, sid in statements(engine)} & {"Notify", "EncryptNotices", "FindChat"}
    assert not [one for one in recorded(engine) if {"topic", "chat_secret"} & set(one)]


def test_staging_alarms_the_people_of_another_stacks_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its ARN, since staging has no pipeline of its own; without the key its alarms tell nobody."""
    engine, _ = VARIANTS["staging-alarms"].run(monkeypatch)
    wanted = VARIANTS["staging-alarms"].changes["slipway:environment.alarm_topic_arn"]
    assert {tuple(one.inputs["alarmActions"]) for one in engine.of("MetricAlarm")} == {(wanted,)}
    plain, _ = program.run(monkeypatch, program.stack_file("staging"))
    assert {tuple(one.inputs["alarmActions"]) for one in plain.of("MetricAlarm")} == {()}


def test_each_alarm_links_to_its_page_where_the_stack_file_says_where_the_runbook_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of all kinds of alarms; without the key descriptions are as they were, which changes no stack that stands."""
    config = program.stack_file("prod")
    plain, _ = program.run_prod(monkeypatch, config)
    config["slipway:environment"]["runbook_url"] = RUNBOOK
    engine, _ = program.run_prod(monkeypatch, config)
    linked = {one.inputs["name"]: one.inputs["alarmDescription"] for one in engine.of("MetricAlarm")}
    assert {name: text.partition("; ")[0] for name, text in linked.items()} == {
        one.inputs["name"]: one.inputs["alarmDescription"] for one in plain.of("MetricAlarm")
    }
    pages = {name: text.partition("; ")[2] for name, text in linked.items()}
    assert {name.removeprefix("slipway-prod-") for name in pages} == {kind.of("web") for kind in Alarm}
    assert set(pages.values()) == {f"{RUNBOOK}/{kind.page}" for kind in Alarm}
    for page in pages.values():
        assert (Path(program.ROOT) / runbook.FOLDER / page.rpartition("/")[2]).is_file()
