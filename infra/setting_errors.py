"""How mistakes in a stack file are said: one line each, with file, key, value, rule and remedy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

import pulumi
from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: where it is and what to say of it, beginning with `is`."""

    where: Location
    text: str

    @classmethod
    def value(cls, where: Location, value: object, rule: str) -> Mistake:
        """A value that breaks a rule; `rule` reads `RULE; remedy`."""
        return cls(where, f"is {json.dumps(value, default=str)}; {rule}")

    @classmethod
    def secret(cls, key: str) -> Mistake:
        """A secret where none may be; its value is not shown."""
        return cls(
            (key,),
            "holds a secret; its values are shown in previews and states; "
            "put it in Secrets Manager and name its ARN under `secrets` of the service",
        )

    @classmethod
    def unknown(cls, where: Location, root: type[BaseModel]) -> Mistake:
        """A key that does not exist."""
        model = _model_at(root, where[:-1])
        names = ", ".join(name for name in sorted(model.model_fields) if name not in HANDED_OVER) if model else "none"
        return cls(where, f"is not a key; the keys here are {names}; correct or remove it")


# Fields of the settings that do not come from the stack file.
HANDED_OVER = frozenset({"stack", "organization", "project", "github_owner"})


class SettingsError(pulumi.RunError):
    """A configuration that cannot be used; Pulumi shows its text without a traceback."""

    def __init__(self, stack: str, mistakes: Sequence[Mistake]) -> None:
        """Say every mistake, in the order of the keys.

        Args:
            stack: the stack's name, which names the file.
            mistakes: at least one.
        """
        lines = sorted({f"Pulumi.{stack}.yaml: {path(mistake.where)} {mistake.text}" for mistake in mistakes})
        super().__init__("\n".join(lines))


def path(where: Location) -> str:
    """Return a key as `pulumi config set --path` takes it: `slipway:environment.services.web.cpu`.

    The key of another namespace, such as `github:owner`, stays as it is.
    """
    if where and ":" in str(where[0]):
        return str(where[0])
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return f"slipway:{text}"


def of_validation(error: ValidationError, root: type[BaseModel]) -> list[Mistake]:
    """Translate pydantic's findings.

    Args:
        error: raised for the whole configuration.
        root: the model it was raised for.
    """
    return [_translate(finding, root) for finding in error.errors(include_url=False)]


def _translate(finding: Any, root: type[BaseModel]) -> Mistake:  # noqa: ANN401 - pydantic's ErrorDetails
    where: Location = finding["loc"]
    kind, context, value = finding["type"], finding.get("ctx", {}), finding["input"]
    if kind == "extra_forbidden":
        return Mistake.unknown(where, root)
    if kind == "missing":
        return Mistake(where, "is missing; it has no default; add it (docs/configuration.md)")
    if where and where[-1] == "[key]":
        return Mistake.value(where[:-1], value, "a name has lower-case letters, digits and hyphens; rename it")
    if kind == "string_pattern_mismatch":
        return Mistake.value(where, value, f"it must match {context['pattern']}; see docs/configuration.md")
    rule = str(finding["msg"]).replace("Input should be", "it must be").replace("Value should", "it must")
    return Mistake.value(where, value, f"{rule}; see docs/configuration.md")


def _model_at(root: type[BaseModel], where: Location) -> type[BaseModel] | None:
    """Find the section that a location names."""
    annotation: Any = root
    for part in where:
        model = _section(annotation)
        if model is not None:
            field = model.model_fields.get(str(part))
            annotation = field.annotation if field else None
        elif get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        else:
            return None
    return _section(annotation)


def _section(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - a type annotation is any object
    """Return the section in `Section` or `Section | None`."""
    options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    for option in options:
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None
