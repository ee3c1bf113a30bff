"""Values as Pulumi hands them over: read, looked through for what was never filled in, and the right ones kept."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticUndefined

from infra.config.errors import Location, Mistake, section_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

DEEPEST = 12  # levels of maps and lists; no key lies deeper than 7
FREE_TEXT = (("environment",), ("build_args",))  # parts of a service
# Shapes that stand for a value wherever they are all of it, and those that do so where a name or an ARN belongs.
WHOLE = re.compile(r"<[^<>]+>|(change|replace)[-_ ]?me", re.IGNORECASE)
INSIDE = re.compile(
    r"<[^<>]+>|(?<![a-z])(change|replace)[-_]?me(?![a-z])|\bxxx+\b|^(todo|fixme|\.{3})$|(?<!\d)123456789012(?!\d)"
    r"|(^|[:/@])your[-_](org|name|repo|bucket|account|domain|stack|company|team|user|owner)",
    re.IGNORECASE,
)
FILLERS: dict[Any, Any] = {int: 1, str: "", bool: False, dict: {}, tuple: ()}


def read(config: Mapping[str, str], prefix: str) -> tuple[dict[str, Any], list[Mistake]]:
    """Read the values of a namespace: JSON for maps and lists, else the text itself.

    Args:
        config: key to value.
        prefix: of the keys, such as `slipway:`.

    Returns:
        The values by key without prefix, and what could not be read.
    """
    values: dict[str, Any] = {}
    mistakes = []
    for key, text in config.items():
        if not key.startswith(prefix):
            continue
        name = key.removeprefix(prefix)
        try:
            value = json.loads(text)
        except RecursionError:
            value = _deep()
        except ValueError:
            value = text
        if _depth_is_over(value, DEEPEST):
            mistakes.append(Mistake((name,), f"is nested deeper than {DEEPEST} levels; see docs/configuration.md"))
        else:
            values[name] = value
    return values, mistakes


def unfilled(values: object, where: Location = ()) -> Iterator[Mistake]:
    """Yield values that were meant to be filled in or replaced.

    Args:
        values: the configuration, or a part of it.
        where: the part's place.
    """
    if isinstance(values, dict):
        for key, value in values.items():
            yield from unfilled(value, (*where, key))
    elif isinstance(values, list):
        for index, value in enumerate(values):
            yield from unfilled(value, (*where, index))
    elif values is None:
        yield Mistake(where, "is empty; a key has a value; give it one ({} is a map of defaults) or remove the key")
    elif isinstance(values, str) and is_placeholder(values, free_text=where[3:4] in FREE_TEXT):
        yield Mistake.value(where, values, "that is a placeholder; put the real value there")


def is_placeholder(text: str, *, free_text: bool) -> bool:
    """Say whether a text stands for another; in free text only where it is nothing else."""
    return bool(WHOLE.fullmatch(text) if free_text else INSIDE.search(text))


def right_parts(section: type[BaseModel], values: object) -> Any:  # noqa: ANN401 - an instance of the section
    """Return a section with every value that is right by itself; the others become defaults or fillers.

    For rules over several values, so that they are said together with mistakes of single values.

    Args:
        section: to build, without checking it.
        values: as they were read.
    """
    given = values if isinstance(values, dict) else {}
    fields = section.model_fields
    kept = {name: _right(field, given[name]) for name, field in fields.items() if name in given}
    absent = {name: _filler(field) for name, field in fields.items() if name not in given}
    return section.model_construct(_fields_set=set(kept), **absent, **kept)


def _right(field: FieldInfo, value: object) -> Any:  # noqa: ANN401 - as the field has it
    inner, held = section_of(field.annotation), get_args(field.annotation)
    if inner is not None:
        return right_parts(inner, value) if isinstance(value, dict) else _filler(field)
    if get_origin(field.annotation) is dict and (inner := section_of(held[1])):
        return {key: right_parts(inner, part) for key, part in value.items()} if isinstance(value, dict) else {}
    try:
        return TypeAdapter(Annotated[field.annotation, field]).validate_python(value)
    except ValidationError:
        return _filler(field)


def _filler(field: FieldInfo) -> Any:  # noqa: ANN401 - as the field has it
    if field.default is not PydanticUndefined:
        return field.default
    if inner := section_of(field.annotation):
        return right_parts(inner, {})
    return FILLERS[get_origin(field.annotation) or field.annotation]


def _deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(DEEPEST):
        value = [value]
    return value


def _depth_is_over(value: object, levels: int) -> bool:
    """Say whether maps and lists lie deeper than this, without going deeper."""
    parts: list[Any] = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    held = isinstance(value, dict | list)
    return held and (levels == 0 or any(_depth_is_over(part, levels - 1) for part in parts))
