"""No name of a service makes two resources of its stack have one name: colliding names are computed, and refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from infra.aws.names import ALTERNATE
from infra.config.errors import ConfigError
from infra.config.service_rules import RESERVED_NAMES, RESERVED_SUFFIXES
from tests.fake_engine import REGISTRY, Monitor
from tests.stack import program
from tests.stack.variants import BASES, VARIANTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stack.variants import Variant

MARK = "nameofservice"
"""The name of the only service; no other name has it in it."""
ACCEPTED = re.compile(r"[a-z](-?[a-z0-9])*")
HASH = re.compile(r"-[0-9a-f]{12}")
"""What follows in the name of an image that follows its source."""
NAMES = ("name", "family", "dashboardName")
STACKS = {**BASES, **VARIANTS}
Scope = tuple[str, str]


def with_one_service(variant: Variant, **services: Any) -> dict[str, Any]:  # noqa: ANN401 - any section
    """Return a variant's configuration with its first service, autoscaled, under another name, and more services."""
    config = variant.config() | variant.secrets
    first = config["slipway:environment"]["services"]["web"]
    section = {**first, "autoscaling": {"minimum": 1, "maximum": 2}}
    config["slipway:environment"]["services"] = {MARK: section, **services}
    return config


def names_of(variant: Variant, monkeypatch: pytest.MonkeyPatch) -> set[tuple[Scope, str]]:
    """Return every name of a stack with where it has to be unique: URNs, names in AWS, and hooks."""
    urns: list[str] = []
    register = Monitor.RegisterResource

    def remembering(monitor: Monitor, request: Any) -> Any:  # noqa: ANN401 - the engine's types
        urns.append(monitor.make_urn(request.parent, request.type, request.name))
        return register(monitor, request)

    monkeypatch.setattr(Monitor, "RegisterResource", remembering)
    outputs = {"repository_urls": {MARK: f"{REGISTRY}/slipway/{MARK}"}}
    engine, _ = program.run(
        monkeypatch,
        with_one_service(variant),
        stack=variant.stack,
        engine=program.account(program.connection(variant.connection), outputs),
        secret_keys=list(variant.secrets) or None,
    )
    found = {(("urn", urn.rpartition("::")[0]), urn.rpartition("::")[2]) for urn in urns}
    for one in engine.resources:
        found |= {((one.type, key), str(one.inputs[key])) for key in NAMES if isinstance(one.inputs.get(key), str)}
    return found | {(("hook", ""), hook) for hook in engine.hooks}


def taken_by_the_environment(found: set[tuple[Scope, str]]) -> Iterator[str]:
    """Yield the names of a service with which one of its names would be that of something else."""
    for scope, made in found:
        before, mark, after = made.partition(MARK)
        pattern = re.compile(f"{re.escape(before)}(.+){re.escape(after)}")
        for other, name in found if mark else ():
            if other == scope and MARK not in name and (match := pattern.fullmatch(name)):
                yield match[1]


def suffixes_taken_by_a_service(found: set[tuple[Scope, str]]) -> Iterator[str]:
    """Yield what makes, at the end of a service's name, the name of another service whose names collide with its."""
    made = [(scope, *name.partition(MARK)) for scope, name in found if MARK in name]
    for scope, before, _, after in made:
        for other, start, _, end in made:
            if (other, start) == (scope, before) and after != end and after.endswith(end):
                yield after.removesuffix(end)


@pytest.fixture(scope="module")
def found() -> set[tuple[Scope, str]]:
    """Every name in every stack file and variant."""
    result: set[tuple[Scope, str]] = set()
    for variant in STACKS.values():
        with pytest.MonkeyPatch.context() as monkeypatch:
            result |= names_of(variant, monkeypatch)
    return result


def test_a_name_that_the_environment_has_is_refused(found: set[tuple[Scope, str]]) -> None:
    """Exactly those; a name of other characters is refused anyway."""
    assert {name for name in taken_by_the_environment(found) if ACCEPTED.fullmatch(name)} == set(RESERVED_NAMES)


def test_a_name_that_another_service_has_is_refused(found: set[tuple[Scope, str]]) -> None:
    """Exactly those, and with a canary its own; nobody names a service like the hash of another one's source."""
    suffixes = {suffix for suffix in suffixes_taken_by_a_service(found) if not HASH.fullmatch(suffix)}
    assert suffixes == {*RESERVED_SUFFIXES, ALTERNATE}


@pytest.mark.parametrize("name", [*RESERVED_NAMES, *(f"{MARK}{suffix}" for suffix in RESERVED_SUFFIXES)])
def test_a_name_that_is_taken_ends_the_program_before_any_resource(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The engine would refuse the second resource when others exist."""
    second = {"context": "app", "route": {"paths": ["/b/*"], "priority": 1}}
    engine = program.account()
    with pytest.raises(ConfigError, match="rename the service"):
        program.run(monkeypatch, with_one_service(BASES["staging"], **{name: second}), engine=engine)
    assert engine.resources == []
