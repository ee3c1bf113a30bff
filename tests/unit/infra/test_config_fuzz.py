"""Generated and mutated configurations: each is loaded or rejected with a report, and a loaded one can be built."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import pytest
from hypothesis import HealthCheck, Phase, assume, given
from hypothesis import settings as run_with
from hypothesis import strategies as st

from infra.config import loading
from infra.config.environment import Service
from infra.config.errors import NOT_IN_STACK_FILE, ConfigError, section_of
from infra.config.rules import RETENTION_DAYS
from infra.config.stack import StackConfig
from tests.stack.program import URLS, account, run, stack_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

    from tests.stack.program import Answers

FILES = {stack: stack_file(stack) for stack in ("staging", "prod")}
STACKS = tuple(FILES)
# The same examples in each run, so that the gate is deterministic.
QUICK = run_with(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    max_examples=100,
    suppress_health_check=list(HealthCheck),
)
BUILDS = run_with(QUICK, max_examples=6)
LINE = re.compile(r"Pulumi\.(staging|prod)\.yaml: \S[ -~]*; [ -~]*\S")
SECRET_KEYS = ("slipway:webhook_secret", "github:token", "slipway:environment", "aws:region", "github:owner")


def names(section: type[BaseModel]) -> set[str]:
    """Return the names of all keys, at any depth."""
    keys = set(section.model_fields)
    for field in section.model_fields.values():
        for annotation in (field.annotation, *get_args(field.annotation)):
            keys |= names(inner) if (inner := section_of(annotation)) else set()
    return keys


# Keys that refer to other stacks or repositories: a generated value is invalid.
REFERENCES = frozenset({"from_stack", "staging", "repository"})
KEYS = sorted(names(StackConfig))
TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["web", "app", "<x>", "10.0.0.0/16", "../app", "/etc", "a\nb", "\ud800", "\0", "1", "TODO", "-", "."]
    ),
)
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.sampled_from(KEYS), TEXTS), inner, max_size=4)
    ),
    max_leaves=12,
)
SHAPED = st.fixed_dictionaries({}, optional=dict.fromkeys(Service.model_fields, VALUES))


def encoded(config: dict[str, Any]) -> dict[str, str]:
    """Return a configuration as Pulumi passes it to a program."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}


def load_or_reject(config: dict[str, Any], stack: str, secret_keys: tuple[str, ...] = ()) -> StackConfig | None:
    """Load a configuration; None if it is rejected, after checking the form of each line of the report."""
    context = {"stack": stack, "organization": "organization", "project": "slipway"}
    try:
        return loading.load(encoded(config), **context, secret_keys=[key for key in secret_keys if key in config])
    except ConfigError as error:
        lines = str(error).splitlines()
        assert lines
        assert not [line for line in lines if not LINE.fullmatch(line) or len(line) > 700]
        return None


@QUICK
@given(
    st.dictionaries(st.sampled_from([f"slipway:{key}" for key in KEYS] + ["aws:region", "github:owner"]), VALUES),
    st.lists(SHAPED, max_size=2),
    st.sampled_from(STACKS),
    st.sets(st.sampled_from(SECRET_KEYS), max_size=2),
)
def test_any_value_under_any_key_is_loaded_or_reported(
    config: dict[str, Any], services: list[dict[str, Any]], stack: str, secret_keys: set[str]
) -> None:
    """Any YAML value, in place of any key's."""
    if services:
        config["slipway:environment"] = {"services": dict(zip(("web", "api"), services, strict=False))}
    load_or_reject(config, stack, tuple(secret_keys))


def places(value: object, location: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return every location in a configuration but its root."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, part in parts for place in ((*location, key), *places(part, (*location, key)))]


def put(config: dict[str, Any], location: tuple[Any, ...], change: Callable[[Any], None]) -> None:
    """Apply a change to the map or list that contains a location."""
    parent: Any = config
    for part in location[:-1]:
        parent = parent[part]
    change(parent)


@st.composite
def mutations(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Draw a committed stack file with one to three values replaced, removed, added or moved to another key."""
    stack = draw(st.sampled_from(STACKS))
    config = copy.deepcopy(FILES[stack])
    for _ in range(draw(st.integers(1, 3))):
        location = draw(st.sampled_from(places(config)))
        new, key = draw(VALUES), draw(st.one_of(st.sampled_from(KEYS), TEXTS))
        kind = draw(st.sampled_from(["replace", "remove", "add", "rename"]))

        def change(parent: Any, location: Any = location, new: Any = new, key: Any = key, kind: str = kind) -> None:  # noqa: ANN401
            full_key = f"slipway:{key}" if len(location) == 1 else key
            if kind == "add" and isinstance(parent, dict):
                parent[full_key] = new
            elif kind == "rename" and isinstance(parent, dict):
                parent[full_key] = parent.pop(location[-1])
            elif kind == "remove":
                del parent[location[-1]]
            else:
                parent[location[-1]] = new

        put(config, location, change)
    return stack, config


@QUICK
@given(mutations(), st.sets(st.sampled_from(SECRET_KEYS), max_size=1))
def test_any_change_of_a_committed_file_is_loaded_or_reported(
    drawn: tuple[str, dict[str, Any]], secret_keys: set[str]
) -> None:
    """A typing error never causes a traceback."""
    stack, config = drawn
    load_or_reject(config, stack, tuple(secret_keys))


def plausible(name: str, field: FieldInfo) -> st.SearchStrategy[Any] | None:
    """Return a strategy of valid values of a field; None for a section or a reference."""
    kind = get_origin(field.annotation) or field.annotation
    limits = {type(limit).__name__.lower(): limit for limit in field.metadata}
    patterns = [limit.pattern for limit in field.metadata if getattr(limit, "pattern", None)]
    if name in ("log_retention_days", "flow_log_days"):
        return st.sampled_from(RETENTION_DAYS)
    if kind is bool:
        return st.booleans()
    if kind is int:
        return st.integers(limits["ge"].ge if "ge" in limits else 0, limits["le"].le if "le" in limits else 10**6)
    if kind is Literal:
        return st.sampled_from(get_args(field.annotation))
    if kind is str and patterns and name not in REFERENCES:
        return st.from_regex(re.compile(patterns[0], re.ASCII), fullmatch=True).map(str.strip)
    return None


def choices(section: type[BaseModel], location: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Return the location of every key with a strategy of valid values, and the strategy; of services `web`'s."""
    keys: list[tuple[tuple[str, ...], Any]] = []
    for name, field in section.model_fields.items():
        inner = section_of(field.annotation)
        if location or name not in NOT_IN_STACK_FILE:
            if inner:
                keys += choices(inner, (*location, name))
            elif name == "services":
                keys += choices(Service, (*location, name, "web"))
            elif (values := plausible(name, field)) is not None:
                keys.append(((*location, name), values))
    return keys


CHOICES = choices(StackConfig)


@st.composite
def likely(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Draw a committed stack file with up to six values replaced by other valid ones."""
    stack = draw(st.sampled_from(STACKS))
    config = copy.deepcopy(FILES[stack])
    for _ in range(draw(st.integers(1, 6))):
        location, values = draw(st.sampled_from(CHOICES))
        parent = config.get(f"slipway:{location[0]}")
        for part in location[1:-1]:
            parent = None if parent is None else parent.setdefault(part, {})
        if parent is not None:
            parent[location[-1]] = draw(values)
    return stack, config


FOUR_ZONES: Answers = {
    "aws:index/getAvailabilityZones:getAvailabilityZones": lambda _: {
        "names": [f"eu-central-1{zone}" for zone in "abcd"]
    }
}
"""As many availability zones as a stack can have; in a region with fewer that is refused when it is known."""


def test_an_accepted_configuration_can_be_built() -> None:
    """By the whole program on the fake engine; what is refused does not count as an example."""
    built = []

    @BUILDS
    @given(likely())
    def build(drawn: tuple[str, dict[str, Any]]) -> None:
        stack, config = drawn
        assume(load_or_reject(config, stack) is not None)
        with pytest.MonkeyPatch.context() as patch:
            engine, outputs = run(patch, config, stack=stack, engine=account(FOUR_ZONES, URLS))
        assert outputs["services"]
        built.append(len(engine.resources))

    build()
    assert len(built) >= 5
