"""Validation of parameters against the service model, which AWS does before the service itself sees a request."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.validate import ParamValidator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import Shape

VALIDATOR = ParamValidator()


def problem(shape: Shape | None, params: dict[str, Any]) -> str | None:
    """Return one line about the first invalid parameter, or None.

    Unknown, missing and wrongly typed parameters are found by botocore's own validator; enumerations, lengths and
    patterns, which botocore leaves to the service, here.
    """
    if shape is None:
        return f"Unknown parameter in input: {next(iter(params))!r}" if params else None
    report = VALIDATOR.validate(params, shape)
    if report.has_errors():
        return str(report.generate_report().splitlines()[0])
    return next(limits(shape, params, ""), None)


def limits(shape: Shape, value: object, path: str) -> Iterator[str]:
    """Yield the violations of enumerations, lengths and patterns."""
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, item in value.items():
            yield from limits(shape.members[name], item, f"{path}.{name}" if path else name)
    elif shape.type_name == "list" and isinstance(value, list):
        yield from length(shape, value, path)
        for index, item in enumerate(value):
            yield from limits(shape.member, item, f"{path}[{index}]")
    elif shape.type_name == "map" and isinstance(value, dict):
        yield from length(shape, value, path)
        for key, item in value.items():
            yield from limits(shape.value, item, f"{path}.{key}")
    elif shape.type_name == "string" and isinstance(value, str):
        yield from text(shape, value, path)
    elif shape.type_name in ("integer", "long") and isinstance(value, int):
        most = shape.metadata.get("max")
        if most is not None and value > most:
            yield f"Value {value} at '{path}' failed to satisfy constraint: Member must be at most {most}"


def length(shape: Shape, value: list[object] | dict[str, object], path: str) -> Iterator[str]:
    """Yield the violation of a list or map that is too long."""
    most = shape.metadata.get("max")
    if most is not None and len(value) > most:
        yield f"'{path}' failed to satisfy constraint: Member must have length less than or equal to {most}"


def text(shape: Shape, value: str, path: str) -> Iterator[str]:
    """Yield the violation of a string that is not in its enumeration, too long, or does not match its pattern."""
    allowed = getattr(shape, "enum", None)
    if allowed and value not in allowed:
        yield f"Value '{value}' at '{path}' failed to satisfy constraint: Member must be one of {', '.join(allowed)}"
    most = shape.metadata.get("max")
    if most is not None and len(value) > most:
        yield f"Value at '{path}' failed to satisfy constraint: Member must have length at most {most}"
    pattern = shape.metadata.get("pattern")
    compiled = compiled_pattern(pattern) if pattern else None
    if compiled and not compiled.search(value):
        yield f"Value '{value}' at '{path}' failed to satisfy constraint: Member must match {pattern}"


@cache
def compiled_pattern(pattern: str) -> re.Pattern[str] | None:
    """Return the model's pattern compiled for a full match, or None if it uses Java-only syntax."""
    try:
        return re.compile(rf"\A(?:{pattern})\Z")
    except re.error:
        return None
