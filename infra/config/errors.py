"""How mistakes in a stack file are said: one line each, with file, key, value, rule and remedy."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

import pulumi
from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Location = tuple[str | int, ...]
# Fields of the configuration that do not come from the stack file.
HANDED_OVER = frozenset({"stack", "organization", "project", "github_owner", "region"})
LONGEST_VALUE = 120
LONGEST_KEY = 60
# Pydantic's kinds of mistakes in the words of a stack file (its documentation, "Validation Errors").
KINDS = {
    "model_type": "it must be a map of keys",
    "dict_type": "it must be a map of keys",
    "tuple_type": "it must be a list",
    "string_type": "it must be text",
    "int_type": "it must be a whole number",
    "int_parsing": "it must be a whole number",
    "int_parsing_size": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "finite_number": "it must be a whole number",
    "bool_type": "it must be true or false",
    "bool_parsing": "it must be true or false",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: where it is and what to say of it, beginning with a verb.

    Attributes:
        needs: the other values that it was seen by; it is not said where one of them is a mistake itself.
        spoils: no rule may look at what is there, since it is not what was meant.
    """

    where: Location
    text: str
    needs: tuple[Location, ...] = ()
    spoils: bool = True

    @classmethod
    def value(cls, where: Location, value: object, rule: str, needs: tuple[Location, ...] = ()) -> Mistake:
        """A value that breaks a rule; `rule` reads `RULE; remedy`."""
        return cls(where, f"is {shown(where, value)}; {rule}", needs)

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
        """A key that does not exist, with the nearest one that does."""
        model = _model_at(root, where[:-1])
        names = [name for name in sorted(model.model_fields) if name not in HANDED_OVER] if model else []
        listed = f"the keys here are {', '.join(names)}" if names else "there are no keys here"
        return cls(where, f"is not a key; {nearest(where[-1], names)}{listed}; correct or remove it")


class ConfigError(pulumi.RunError):
    """A configuration that cannot be used; Pulumi shows its text without a traceback."""

    def __init__(self, stack: str, mistakes: Iterable[Mistake]) -> None:
        """Say every mistake, in the order of the keys.

        Args:
            stack: the stack's name, which names the file.
            mistakes: at least one.
        """
        lines = sorted({f"Pulumi.{stack}.yaml: {path(mistake.where)} {mistake.text}" for mistake in mistakes})
        super().__init__("\n".join(lines))


def unspoilt(mistakes: Iterable[Mistake], known: Sequence[Mistake]) -> Iterator[Mistake]:
    """Yield the mistakes that were not seen by values which are known to be mistakes themselves."""
    spoilt = [mistake.where for mistake in known if mistake.spoils]
    for mistake in mistakes:
        if not any(place[: len(bad)] == bad for place in (mistake.where, *mistake.needs) for bad in spoilt):
            yield mistake


def path(where: Location) -> str:
    """Return a key as `pulumi config set --path` takes it: `slipway:environment.services.web.cpu`.

    The key of another namespace, such as `github:owner`, stays as it is.
    """
    if where and ":" in str(where[0]):
        return _plain(str(where[0]))
    text = ""
    for part in where:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[\w-]+", part, re.ASCII):
            text += f"{'.' if text else ''}{_short(part, LONGEST_KEY)}"
        else:
            text += f"[{_plain(json.dumps(part), LONGEST_KEY)}]"
    return f"slipway:{text}"


def shown(where: Location, value: object) -> str:
    """Return a value as a message shows it: on one line, not too long, and never what may be a secret."""
    if "secrets" in where[:-1]:
        return "not shown"
    return _short(json.dumps(value, default=str), LONGEST_VALUE)


def nearest(given: object, known: Sequence[str]) -> str:
    """Return `did you mean X? ` with the nearest of the known words, empty where none is near."""
    near = difflib.get_close_matches(str(given)[:LONGEST_KEY], known, n=1)
    return f"did you mean {near[0]}? " if near else ""


def of_validation(error: ValidationError, root: type[BaseModel]) -> list[Mistake]:
    """Translate pydantic's findings.

    Args:
        error: raised for the whole configuration.
        root: the model it was raised for.
    """
    return [_translate(finding, root) for finding in error.errors(include_url=False)]


def _plain(text: str, longest: int = LONGEST_VALUE) -> str:
    return _short(text if text.isascii() and text.isprintable() else json.dumps(text), longest)


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def _translate(finding: Any, root: type[BaseModel]) -> Mistake:  # noqa: ANN401 - pydantic's ErrorDetails
    where: Location = finding["loc"]
    kind, context, value = finding["type"], finding.get("ctx", {}), finding["input"]
    if kind == "extra_forbidden":
        return Mistake.unknown(where, root)
    if kind == "missing":
        return Mistake(where, "is missing; it has no default; add it (docs/configuration.md)")
    if where and where[-1] == "[key]":
        rule = "has a name of other characters; a name has lower-case letters, digits and single hyphens; rename it"
        return Mistake(where[:-1], rule, spoils=False)
    if kind == "string_pattern_mismatch" and "secrets" in where[:-1]:
        return Mistake(where, "is no ARN of a secret; put the value in Secrets Manager, and the secret's ARN here")
    if kind == "string_pattern_mismatch":
        return Mistake.value(where, value, f"it must match {context['pattern']}; see docs/configuration.md")
    rule = str(finding["msg"]).replace("Input should be", "it must be").replace("Value should", "it must")
    rule = KINDS.get(kind) or rule.replace(
        "Dictionary should have at least 1 item after validation, not 0", "it is empty"
    )
    return Mistake.value(where, value, f"{rule}; see docs/configuration.md")


def _model_at(root: type[BaseModel], where: Location) -> type[BaseModel] | None:
    """Find the section that a location names."""
    annotation: Any = root
    for part in where:
        model = section_of(annotation)
        if model is not None:
            field = model.model_fields.get(str(part))
            annotation = field.annotation if field else None
        elif get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        else:
            return None
    return section_of(annotation)


def section_of(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - a type annotation is any object
    """Return the section in `Section` or `Section | None`."""
    options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    for option in options:
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None
