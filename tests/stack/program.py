"""Runs of the real program with a stack file, committed or changed, on the fake engine."""

from __future__ import annotations

import dataclasses
import functools
import json
import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pulumi
import yaml

from contract import facts, names
from infra import serving
from infra.config import other_stack_rules
from infra.live import account_names, service_linked
from infra.live import resources as live_resources
from tests.fake_engine import ACCOUNT, DIGEST, REGISTRY, FakeEngine, Refused, run_to_end, start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest

    from infra.live.resources import Resources

Answer: TypeAlias = "Callable[[dict[str, Any]], dict[str, Any]]"
Answers = dict[str, Answer]

ROOT = Path(__file__).resolve().parents[2]
STAGING_STACK = "organization/slipway/staging"
URLS = {"repository_urls": {"web": f"{REGISTRY}/slipway/web"}}
CONNECTION = f"arn:aws:codeconnections:eu-central-1:{ACCOUNT}:connection/1"
OIDC_PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
LOOK_UP_OIDC = "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider"
LOOK_UP = "aws:codestarconnections/getConnection:getConnection"
ACCEPTED: Answers = {
    "aws:ecr/getImages:getImages": lambda _: {
        "imageIds": [{"imageDigest": DIGEST, "imageTag": tag} for tag in ("content-1", "accepted-1")]
    },
    "aws:ecr/getImage:getImage": lambda _: {
        "imageDigest": DIGEST,
        "imagePushedAt": 1,
        "imageTags": ["accepted-1", "content-1"],
    },
    "aws:ecr/getRepository:getRepository": lambda asked: {
        "repositoryUrl": f"{REGISTRY}/{asked['name']}",
        "arn": f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/{asked['name']}",
    },
}

RECORDS = "aws:ssm/getParametersByPath:getParametersByPath"
RUNS: dict[object, tuple[FakeEngine, dict[str, Any]]] = {}
"""Completed runs by their inputs; shared, since tests only read what was registered."""


@functools.cache
def connection(status: str | None) -> Answers:
    """Return the answer to the lookup of a stack's connection with this status; None if there is none."""

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        if status is None:
            name = asked.get("name") or asked["arn"]
            raise Refused(
                f"invoking {LOOK_UP}: 1 error occurred:\n\t* CodeStar Connections Connection ({name}): not found"
            )
        name = asked.get("name") or ""
        tags = {"project": "slipway", "environment": name.removeprefix("slipway-")}
        return {"arn": asked.get("arn") or CONNECTION, "connectionStatus": status, "name": name, "tags": tags}

    return {LOOK_UP: answer}


@functools.cache
def standing(stack: str, environment: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return the answer to the look-up of what services recorded: all that are configured are up.

    Args:
        stack: the stack's name.
        environment: the section `slipway:environment`, as JSON.
    """
    section = json.loads(environment)
    services = section.get("services", {}) if isinstance(section, dict) else {}
    unset = dataclasses.MISSING
    fields = dataclasses.fields(facts.Service)
    required = {fact.name: "" for fact in fields if (fact.default, fact.default_factory) == (unset, unset)}
    payload = {**required, "service": "", "desired_count": 1, "port": 8080, "build_args": {}}
    records = {
        names.service_parameter(stack, name): json.dumps(
            payload | _as_configured(one) | {"repository_url": f"{REGISTRY}/slipway/{name}"}
        )
        for name, one in services.items()
    }
    return lambda _: {"names": list(records), "values": list(records.values()), "arns": [], "types": []}


def _as_configured(section: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of a service that depend on its section, and decide whether a change is refused."""
    check = section.get("health_check", {})
    return {
        "port": section.get("port", 8080),
        "health_path": check.get("path", "/healthz"),
        "health_status": str(check.get("status", 200)),
    }


def nothing_stands(_: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to the same look-up for a stack that is new, or whose services were never stable."""
    return {"names": [], "values": [], "arns": [], "types": []}


def oidc_provider(_: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to the lookup of GitHub's OIDC provider in an account that has it."""
    return {"arn": OIDC_PROVIDER, "clientIdLists": ["sts.amazonaws.com"]}


def account(answers: Answers | None = None, outputs: Mapping[str, Any] | None = None) -> FakeEngine:
    """Return an engine with whatever any stack looks up; `answers` and staging's `outputs` override.

    Staging has accepted an image, the connection is AVAILABLE, and GitHub's OIDC provider is there.
    """
    known = {**ACCEPTED, **connection("AVAILABLE"), LOOK_UP_OIDC: oidc_provider, **(answers or {})}
    return FakeEngine(answers=known, stack_outputs={STAGING_STACK: dict(URLS if outputs is None else outputs)})


def with_previews(stack: str, **section: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the `config:` of a committed stack file with a role for previews."""
    whole = {"repository": "slipway-example/slipway", "state_bucket": "slipway-state", **section}
    return stack_file(stack) | {"slipway:previews": whole}


def run_prod(
    monkeypatch: pytest.MonkeyPatch,
    config: dict[str, Any],
    *,
    answers: Answers | None = None,
    outputs: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> tuple[FakeEngine, dict[str, Any]]:
    """Run production with a staging stack that has these outputs; `secrets` are stored encrypted."""
    engine, encrypted = account(answers, outputs), dict(secrets or {})
    return run(monkeypatch, config | encrypted, stack="prod", engine=engine, secret_keys=list(encrypted))


def stack_file(stack: str) -> dict[str, Any]:
    """Return the `config:` of a committed stack file."""
    config: dict[str, Any] = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text("utf-8"))["config"]
    return config


def run(  # noqa: PLR0913 - what a run depends on
    monkeypatch: pytest.MonkeyPatch,
    config: dict[str, Any],
    *,
    stack: str = "staging",
    engine: FakeEngine | None = None,
    secret_keys: list[str] | None = None,
    resources: Resources | None = None,
) -> tuple[FakeEngine, dict[str, Any]]:
    """Run the program on a stack with these resources, or reuse an earlier run with the same inputs.

    Returns:
        The engine with the registered resources, and the stack's outputs, resolved.
    """
    engine = engine or account()
    if RECORDS not in engine.answers:
        engine.answers = {**engine.answers, RECORDS: standing(stack, json.dumps(config.get("slipway:environment")))}
    inputs = json.dumps([stack, config, secret_keys or [], engine.stack_outputs, repr(resources)], sort_keys=True)
    key = (inputs, frozenset(engine.answers.items()))
    if key in RUNS:
        earlier = RUNS[key][0]
        engine.resources, engine.options, engine.hooks = earlier.resources, earlier.options, earlier.hooks
        engine.checked = earlier.checked
        return engine, RUNS[key][1]
    start(engine, stack=stack)
    values = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    pulumi.runtime.set_all_config(values, secret_keys)
    monkeypatch.chdir(ROOT)
    outputs: dict[str, Any] = {}
    exported: dict[str, Any] = {}
    monkeypatch.setattr(pulumi, "export", exported.__setitem__)
    # The stack files are those of a project without a pipeline that deploys to this stack, where that is not allowed.
    if config["slipway:environment"].get("rollout") == "pulumi":
        monkeypatch.setattr(other_stack_rules, "_deployed_by_another", lambda *_: ())
    monkeypatch.setattr(live_resources, "read", lambda *_: resources)
    monkeypatch.setattr(service_linked, "check", lambda *_: None)
    monkeypatch.setattr(account_names, "check", lambda *_: None)
    monkeypatch.setattr("infra.live.restore.check", lambda *_: None)
    monkeypatch.setattr(serving.Check, "run", lambda _, services: engine.checked.extend(services))

    def program() -> pulumi.Output[None]:
        runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")
        return pulumi.Output.from_input(exported).apply(outputs.update)

    run_to_end(program)
    RUNS[key] = engine, outputs
    return RUNS[key]
