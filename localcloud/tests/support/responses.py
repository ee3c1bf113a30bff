"""Validation of JSON responses by botocore's output shapes: required members, types, enums, limits, patterns."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import Shape

KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float, str),
}


class Recorder:
    """Validates every response to a client."""

    def __init__(self) -> None:
        """Initialize without responses."""
        self.seen: set[str] = set()
        self.problems: list[str] = []

    def watch(self, client: Any) -> None:
        """Validate this client's responses from now on."""
        client.meta.events.register("after-call", self._take)

    def _take(self, http_response: Any, model: Any, **_rest: object) -> None:
        if http_response.status_code >= 300 or model.output_shape is None:
            return
        self.seen.add(model.name)
        body = json.loads(http_response.content or b"{}")
        self.problems += [f"{model.name}{problem}" for problem in problems(model.output_shape, body, "")]


def problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """Yield the violations in a value."""
    if shape.type_name == "structure":
        if not isinstance(value, dict):
            yield f"{path} is no structure: {value!r}"
            return
        yield from (f"{path}.{name} is missing" for name in shape.required_members if name not in value)
        for name, item in value.items():
            if name in shape.members:
                yield from problems(shape.members[name], item, f"{path}.{name}")
            else:
                yield f"{path}.{name} is no member of {shape.name}"
    elif shape.type_name == "list":
        for number, item in enumerate(value):
            yield from problems(shape.member, item, f"{path}[{number}]")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from problems(shape.key, key, f"{path} key")
            yield from problems(shape.value, item, f"{path}.{key}")
    else:
        yield from scalar(shape, value, path)


def scalar(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """Yield the violations of a scalar value."""
    if not isinstance(value, KINDS[shape.type_name]) or (shape.type_name != "boolean" and isinstance(value, bool)):
        yield f"{path} is no {shape.type_name}: {value!r}"
        return
    size = len(value) if isinstance(value, str) else value
    if shape.type_name not in {"timestamp", "boolean"}:
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if (least is not None and size < least) or (most is not None and size > most):
            yield f"{path} is not within {least} and {most}: {value!r}"
    if isinstance(value, str) and shape.type_name == "string":
        allowed = getattr(shape, "enum", None)
        if allowed and value not in allowed:
            yield f"{path} is none of {allowed}: {value!r}"
        pattern = shape.metadata.get("pattern")
        if pattern and r"\p{" not in pattern and not re.fullmatch(pattern, value, re.DOTALL):  # Java's dialect
            yield f"{path} does not match {pattern}: {value!r}"
