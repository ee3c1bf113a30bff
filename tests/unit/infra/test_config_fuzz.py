"""Made-up and mutated configurations: always settings or one report, and what is accepted can be built."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as run_with
from hypothesis import strategies as st

from infra.config import loading
from infra.config.environment import Service
from infra.config.errors import HANDED_OVER, ConfigError, section_of
from infra.config.rules import RETENTION
from infra.config.stack import StackConfig
from tests.stack.program import URLS, beside_staging, run, stack_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

FILES = {stack: stack_file(stack) for stack in ("staging", "prod")}
STACKS = tuple(FILES)
# The same examples in each run: a gate that fails by chance is none.
QUICK = run_with(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    max_examples=150,
    suppress_health_check=list(HealthCheck),
)
BUILDS = run_with(QUICK, max_examples=12)
LINE = re.compile(r"Pulumi\.(staging|prod)\.yaml: \S[ -~]*; [ -~]*\S")
SECRET_KEYS = ("slipway:webhook_secret", "github:token", "slipway:environment", "aws:region", "github:owner")


def names(section: type[BaseModel]) -> set[str]:
    """Return the names of all keys, at any depth."""
    found = set(section.model_fields)
    for field in section.model_fields.values():
        for annotation in (field.annotation, *get_args(field.annotation)):
            found |= names(inner) if (inner := section_of(annotation)) else set()
    return found


# Values that name what is elsewhere: a made-up one is refused, or not there.
OTHERS_NAMES = frozenset({"from_stack", "staging", "repository"})
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


def handed(config: dict[str, Any]) -> dict[str, str]:
    """Return a configuration as Pulumi hands it over."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}


def judge(config: dict[str, Any], stack: str, secret_keys: tuple[str, ...] = ()) -> StackConfig | None:
    """Load a configuration; None when it is refused by a report whose every line is as it should be."""
    known = {"stack": stack, "organization": "organization", "project": "slipway"}
    try:
        return loading.load(handed(config), **known, secret_keys=[key for key in secret_keys if key in config])
    except ConfigError as refused:
        lines = str(refused).splitlines()
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
def test_any_values_at_any_keys_are_settings_or_a_report(
    config: dict[str, Any], services: list[dict[str, Any]], stack: str, secret_keys: set[str]
) -> None:
    """Whatever YAML can say, in the place of every key."""
    if services:
        config["slipway:environment"] = {"services": dict(zip(("web", "api"), services, strict=False))}
    judge(config, stack, tuple(secret_keys))


def places(value: object, where: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return every place in a configuration, the whole excepted."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, part in parts for place in ((*where, key), *places(part, (*where, key)))]


def put(config: dict[str, Any], where: tuple[Any, ...], change: Callable[[Any], None]) -> None:
    """Call a change with the map or list that holds a place."""
    held: Any = config
    for part in where[:-1]:
        held = held[part]
    change(held)


@st.composite
def mutations(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Draw a committed stack file with one to three changes: a value replaced, removed or put under another key."""
    stack = draw(st.sampled_from(STACKS))
    config = copy.deepcopy(FILES[stack])
    for _ in range(draw(st.integers(1, 3))):
        where = draw(st.sampled_from(places(config)))
        new, key = draw(VALUES), draw(st.one_of(st.sampled_from(KEYS), TEXTS))
        kind = draw(st.sampled_from(["replace", "remove", "add", "rename"]))

        def change(held: Any, where: Any = where, new: Any = new, key: Any = key, kind: str = kind) -> None:  # noqa: ANN401
            named = f"slipway:{key}" if len(where) == 1 else key
            if kind == "add" and isinstance(held, dict):
                held[named] = new
            elif kind == "rename" and isinstance(held, dict):
                held[named] = held.pop(where[-1])
            elif kind == "remove":
                del held[where[-1]]
            else:
                held[where[-1]] = new

        put(config, where, change)
    return stack, config


@QUICK
@given(mutations(), st.sets(st.sampled_from(SECRET_KEYS), max_size=1))
def test_any_change_of_a_committed_file_is_settings_or_a_report(
    drawn: tuple[str, dict[str, Any]], secret_keys: set[str]
) -> None:
    """A slip of the hand is said, not thrown."""
    stack, config = drawn
    judge(config, stack, tuple(secret_keys))


def plausible(name: str, field: FieldInfo) -> st.SearchStrategy[Any] | None:
    """Return values that a field takes by itself; None for a section, or where no made-up value can be right."""
    kind = get_origin(field.annotation) or field.annotation
    limits = {type(limit).__name__.lower(): limit for limit in field.metadata}
    patterns = [limit.pattern for limit in field.metadata if getattr(limit, "pattern", None)]
    if name == "log_retention_days":
        return st.sampled_from(RETENTION)
    if kind is bool:
        return st.booleans()
    if kind is int:
        return st.integers(limits["ge"].ge if "ge" in limits else 0, limits["le"].le if "le" in limits else 10**6)
    if kind is Literal:
        return st.sampled_from(get_args(field.annotation))
    if kind is str and patterns and name not in OTHERS_NAMES:
        return st.from_regex(re.compile(patterns[0], re.ASCII), fullmatch=True).map(str.strip)
    return None


def choices(section: type[BaseModel], where: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Return every key that can be given a plausible value, with those values; of services, those of `web`."""
    found: list[tuple[tuple[str, ...], Any]] = []
    for name, field in section.model_fields.items():
        inner = section_of(field.annotation)
        if where or name not in HANDED_OVER:
            if inner:
                found += choices(inner, (*where, name))
            elif name == "services":
                found += choices(Service, (*where, name, "web"))
            elif (values := plausible(name, field)) is not None:
                found.append(((*where, name), values))
    return found


CHOICES = choices(StackConfig)


@st.composite
def likely(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Draw a committed stack file with up to six values changed for others that their keys take."""
    stack = draw(st.sampled_from(STACKS))
    config = copy.deepcopy(FILES[stack])
    for _ in range(draw(st.integers(1, 6))):
        where, values = draw(st.sampled_from(CHOICES))
        held = config.get(f"slipway:{where[0]}")
        for part in where[1:-1]:
            held = None if held is None else held.setdefault(part, {})
        if held is not None:
            held[where[-1]] = draw(values)
    return stack, config


def test_what_is_accepted_can_be_built() -> None:
    """By the whole program on the stand-in engine; most of what is drawn is accepted, so that this says something."""
    built = []

    @BUILDS
    @given(likely())
    def build(drawn: tuple[str, dict[str, Any]]) -> None:
        stack, config = drawn
        if judge(config, stack) is None:
            return
        with pytest.MonkeyPatch.context() as patch:
            engine, outputs = run(patch, config, stack=stack, engine=beside_staging(outputs=URLS))
        assert outputs["services"]
        built.append(len(engine.resources))

    build()
    assert len(built) >= 5
