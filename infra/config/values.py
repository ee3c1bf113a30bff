"""Configuration values before validation: parsing, placeholders, and the valid part of an invalid configuration."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticUndefined

from infra.config.errors import Location, Problem, section_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

MAX_DEPTH = 12  # levels of nested maps and lists; the deepest key is at level 7
FREE_TEXT = (("environment",), ("build_args",))  # keys of a service whose values may be any text
# Placeholders: a whole value of any kind, and a part of a value that is a name or an ARN.
WHOLE_PLACEHOLDER = re.compile(r"<[^<>]+>|(change|replace)[-_ ]?me", re.IGNORECASE)
PLACEHOLDER = re.compile(
    r"<[^<>]+>|(?<![a-z])(change|replace)[-_]?me(?![a-z])|\bxxx+\b|^(todo|fixme|\.{3})$|(?<!\d)123456789012(?!\d)"
    r"|(^|[:/@])your[-_](org|name|repo|bucket|account|domain|stack|company|team|user|owner)",
    re.IGNORECASE,
)
TYPE_DEFAULTS: dict[Any, Any] = {int: 1, str: "", bool: False, dict: {}, tuple: ()}


def read(config: Mapping[str, str], prefix: str) -> tuple[dict[str, Any], list[Problem]]:
    """Parse the values of a namespace: JSON where possible, else the string itself.

    Args:
        config: values by key.
        prefix: of the namespace's keys, such as `slipway:`.

    Returns:
        The values by key without the prefix, and a problem for each that is nested too deeply.
    """
    values: dict[str, Any] = {}
    problems = []
    for key, text in config.items():
        if not key.startswith(prefix):
            continue
        name = key.removeprefix(prefix)
        try:
            value = json.loads(text)
        except RecursionError:
            value = _too_deep()
        except ValueError:
            value = text
        if _exceeds_depth(value, MAX_DEPTH):
            problems.append(Problem((name,), f"is nested deeper than {MAX_DEPTH} levels; see docs/configuration.md"))
        else:
            values[name] = value
    return values, problems


def find_placeholders(values: object, location: Location = ()) -> Iterator[Problem]:
    """Yield the problems of empty values and of placeholders.

    Args:
        values: the configuration, or a part of it.
        location: where the part is.
    """
    if isinstance(values, dict):
        for key, value in values.items():
            yield from find_placeholders(value, (*location, key))
    elif isinstance(values, list):
        for index, value in enumerate(values):
            yield from find_placeholders(value, (*location, index))
    elif values is None:
        yield Problem(location, "is empty; a key needs a value; set one ({} is a map of defaults) or remove the key")
    elif isinstance(values, str) and is_placeholder(values, free_text=location[3:4] in FREE_TEXT):
        yield Problem.invalid(location, values, "it is a placeholder; replace it with the real value")


def is_placeholder(text: str, *, free_text: bool) -> bool:
    """Return whether a value is a placeholder; in free text only a whole value can be one."""
    return bool(WHOLE_PLACEHOLDER.fullmatch(text) if free_text else PLACEHOLDER.search(text))


def valid_parts(section: type[BaseModel], values: object) -> Any:  # noqa: ANN401 - an instance of the section
    """Return a section with the values that are valid by themselves, and defaults in place of the others.

    Rules over several keys can then be checked although some fields are invalid, and everything is reported together.

    Args:
        section: the section's class; it is constructed without validation.
        values: its parsed values.
    """
    parsed = values if isinstance(values, dict) else {}
    fields = section.model_fields
    present = {name: _valid_or_default(field, parsed[name]) for name, field in fields.items() if name in parsed}
    absent = {name: _default_of(field) for name, field in fields.items() if name not in parsed}
    return section.model_construct(_fields_set=set(present), **absent, **present)


def _valid_or_default(field: FieldInfo, value: object) -> Any:  # noqa: ANN401 - of the field's type
    inner, arguments = section_of(field.annotation), get_args(field.annotation)
    if inner is not None:
        return valid_parts(inner, value) if isinstance(value, dict) else _default_of(field)
    if get_origin(field.annotation) is dict and (inner := section_of(arguments[1])):
        return {key: valid_parts(inner, part) for key, part in value.items()} if isinstance(value, dict) else {}
    try:
        return TypeAdapter(Annotated[field.annotation, field]).validate_python(value)
    except ValidationError:
        return _default_of(field)


def _default_of(field: FieldInfo) -> Any:  # noqa: ANN401 - of the field's type
    if field.default is not PydanticUndefined:
        return field.default
    if inner := section_of(field.annotation):
        return valid_parts(inner, {})
    return TYPE_DEFAULTS[get_origin(field.annotation) or field.annotation]


def _too_deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(MAX_DEPTH):
        value = [value]
    return value


def _exceeds_depth(value: object, levels: int) -> bool:
    """Return whether maps and lists are nested deeper than `levels`, without recursing further."""
    parts: list[Any] = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return isinstance(value, dict | list) and (levels == 0 or any(_exceeds_depth(part, levels - 1) for part in parts))
