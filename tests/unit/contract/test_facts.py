"""Facts are written and read by the same classes; an invalid payload is one clear error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contract import facts

WEB = facts.Service(
    name="web",
    ecs_service="staging-web",
    container="web",
    desired_count=2,
    port=8080,
    health_path="/healthz",
    version_path="/version",
    target_group="arn:aws:elasticloadbalancing:eu-central-1:000000000000:targetgroup/web/1",
    template_family="staging-web-template",
    release_family="staging-web",
    repository_url="000000000000.dkr.ecr.eu-central-1.amazonaws.com/slipway/web",
    digest="sha256:" + "1" * 64,
    version="content-1",
    context="app",
    dockerfile="Dockerfile",
    target="release",
    platform="linux/amd64",
    build_args={"FLAVOUR": "plain"},
)
PARAMETER = {"parameter": "/slipway/staging/services/web", "stack": "staging"}


def without(key: str, **changed: object) -> str:
    """Return the payload of WEB without a key, and with others changed."""
    payload = json.loads(WEB.payload())
    payload.pop(key, None)
    return json.dumps(payload | changed)


def read(text: str) -> facts.Service:
    """Read a payload as the service web."""
    return facts.Service.read(text, name="web", **PARAMETER)


def test_what_was_written_is_read_back() -> None:
    """Field by field; the name comes from the parameter's name."""
    assert read(WEB.payload()) == WEB


def test_a_payload_has_each_fact_under_its_key_in_alphabetical_order() -> None:
    """Equal facts are equal text, so that an unchanged stack shows no change."""
    payload = json.loads(WEB.payload())
    assert list(payload) == sorted(payload)
    assert payload["service"] == "staging-web"
    assert "name" not in payload
    pipeline = facts.Pipeline(
        name="slipway-prod", stage="Staging", deploy_action="Deploy", approval_stage="", approval_action="",
        repository="a/b", branch="main", projects={},
    )  # fmt: skip
    assert json.loads(pipeline.payload())["pipeline"] == "slipway-prod"


def test_a_repositorys_name_follows_the_registrys_host() -> None:
    """It is what ECR's API takes."""
    assert WEB.repository == "slipway/web"


def test_an_unknown_fact_is_ignored() -> None:
    """A build of an older commit can read the facts of a stack that a newer one deployed."""
    assert read(without("", invented="later")) == WEB


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (without("release_family"), "lacks release_family;"),
        (without("service"), "lacks service;"),
        (without("", port="8080"), "port is '8080' and no int;"),
        (without("", port=True), "port is True and no int;"),
        (without("", build_args=None), "build_args is None and no dict;"),
        ("[]", "holds no JSON object;"),
        ("{", "holds no JSON ("),
    ],
)
def test_an_invalid_payload_is_one_line_with_the_command_that_repairs_it(text: str, reason: str) -> None:
    """It names the parameter, the fact and `pulumi up` of the stack that wrote it."""
    with pytest.raises(facts.FactsError) as error:
        read(text)
    message = str(error.value)
    assert message.startswith("parameter /slipway/staging/services/web")
    assert reason in message
    assert message.endswith("; another version of the program wrote it; run: pulumi up -s staging")
    assert "\n" not in message


@pytest.mark.parametrize("kind", [facts.Environment, facts.Service, facts.Pipeline])
def test_every_fact_has_a_type_that_is_checked(kind: Any) -> None:  # noqa: ANN401 - any of the classes
    """A field of another type could be written but not read."""
    keys = kind.payload_keys()
    assert keys
    assert {str(kind.__dataclass_fields__[name].type) for name in keys} <= set(facts.KINDS)
