"""Error messages for stack files: one line for each problem, with file, key, value, rule and remedy."""

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
# Fields of StackConfig that do not come from `slipway:` keys of the stack file.
NOT_IN_STACK_FILE = frozenset(
    {
        "stack",
        "organization",
        "project",
        "github_owner",
        "region",
        "aws_profile",
        "aws_assume_roles",
        "default_tags",
    }
)
MAX_VALUE_LENGTH = 120
MAX_KEY_LENGTH = 60
# Rules by pydantic's error type (pydantic documentation, "Validation Errors").
TYPE_RULES = {
    "model_type": "it must be a map",
    "dict_type": "it must be a map",
    "tuple_type": "it must be a list",
    "string_type": "it must be a string",
    "int_type": "it must be an integer",
    "int_parsing": "it must be an integer",
    "int_parsing_size": "it must be an integer",
    "int_from_float": "it must be an integer",
    "finite_number": "it must be an integer",
    "bool_type": "it must be true or false",
    "bool_parsing": "it must be true or false",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of one key.

    Attributes:
        location: the key, as a path of map keys and list indices.
        text: the predicate of the message, which begins with a verb: `is 300; RULE; REMEDY`.
        depends_on: the other keys that the rule read; the problem is not reported if one of them has a problem itself.
        invalidates: whether the value cannot be used, so that problems of rules that read it are not reported.
    """

    location: Location
    text: str
    depends_on: tuple[Location, ...] = ()
    invalidates: bool = True

    @classmethod
    def invalid(cls, location: Location, value: object, rule: str, depends_on: tuple[Location, ...] = ()) -> Problem:
        """Return the problem of a value that breaks a rule; `rule` has the form `RULE; REMEDY`."""
        return cls(location, f"is {display_value(location, value)}; {rule}", depends_on)

    @classmethod
    def secret(cls, key: str) -> Problem:
        """Return the problem of a secret under a key that must be plain text; its value is not shown."""
        return cls(
            (key,),
            "is a secret; configuration values appear in previews and in the state; "
            "store the value in Secrets Manager and set its ARN under the service's `secrets`",
        )

    @classmethod
    def unknown_key(cls, location: Location, root: type[BaseModel]) -> Problem:
        """Return the problem of a key that does not exist, with the valid keys; `root` is the whole file's model."""
        model = model_at(root, location[:-1])
        names = [name for name in sorted(model.model_fields) if name not in NOT_IN_STACK_FILE] if model else []
        valid = f"valid keys: {', '.join(names)}" if names else "no key is valid here"
        return cls(location, f"is not a known key; {suggestion(location[-1], names)}{valid}; correct or remove it")


class ConfigError(pulumi.RunError):
    """An invalid configuration; Pulumi shows the message without a traceback."""

    def __init__(self, stack: str, problems: Iterable[Problem]) -> None:
        """Compose the message: one line for each problem, sorted by key.

        Args:
            stack: the stack's name; the file is `Pulumi.<stack>.yaml`.
            problems: at least one.
        """
        lines = sorted({f"Pulumi.{stack}.yaml: {key_path(problem.location)} {problem.text}" for problem in problems})
        super().__init__("\n".join(lines))


def root_causes(problems: Iterable[Problem], known: Sequence[Problem]) -> Iterator[Problem]:
    """Yield the problems that do not follow from another one.

    Args:
        problems: to filter.
        known: problems found earlier; those that a rule found by reading an invalid value are left out.
    """
    invalid = [problem.location for problem in known if problem.invalidates]
    for problem in problems:
        read = (problem.location, *problem.depends_on)
        if not any(key[: len(prefix)] == prefix for key in read for prefix in invalid):
            yield problem


def key_path(location: Location) -> str:
    """Return a key path as `pulumi config set --path` takes it: `slipway:environment.services.web.cpu`.

    A key of another namespace, such as `github:owner`, is returned unchanged.
    """
    if location and ":" in str(location[0]):
        return _escaped(str(location[0]))
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[\w-]+", part, re.ASCII):
            text += f"{'.' if text else ''}{_truncated(part, MAX_KEY_LENGTH)}"
        else:
            text += f"[{_escaped(json.dumps(part), MAX_KEY_LENGTH)}]"
    return f"slipway:{text}"


def display_value(location: Location, value: object) -> str:
    """Return a value for a message: as JSON on one line, truncated, and `not shown` where a secret may be given."""
    of_secret = bool(location) and str(location[-1]).endswith("secret_arn") and not str(value).startswith("arn:")
    if "secrets" in location[:-1] or of_secret:
        return "not shown"
    return _truncated(json.dumps(value, default=str), MAX_VALUE_LENGTH)


def suggestion(text: object, candidates: Sequence[str]) -> str:
    """Return `did you mean X? ` with the closest candidate, or an empty string if none is close."""
    matches = difflib.get_close_matches(str(text)[:MAX_KEY_LENGTH], candidates, n=1)
    return f"did you mean {matches[0]}? " if matches else ""


def from_validation_error(error: ValidationError, root: type[BaseModel]) -> list[Problem]:
    """Return pydantic's validation errors as problems.

    Args:
        error: raised when the whole configuration was validated.
        root: the model that it was validated against.
    """
    return [_translate(details, root) for details in error.errors(include_url=False)]


def _escaped(text: str, max_length: int = MAX_VALUE_LENGTH) -> str:
    return _truncated(text if text.isascii() and text.isprintable() else json.dumps(text), max_length)


def _truncated(text: str, max_length: int) -> str:
    return text if len(text) <= max_length else f"{text[: max_length - 3]}..."


def _translate(details: Any, root: type[BaseModel]) -> Problem:  # noqa: ANN401 - pydantic's ErrorDetails
    location: Location = details["loc"]
    kind, context, value = details["type"], details.get("ctx", {}), details["input"]
    if kind == "extra_forbidden":
        return Problem.unknown_key(location, root)
    if kind == "missing":
        return Problem(location, "is missing; it is required; add it (docs/configuration.md)")
    if location and location[-1] == "[key]":
        rule = "is an invalid name; use lower-case letters, digits and single hyphens; rename it"
        return Problem(location[:-1], rule, invalidates=False)
    if kind == "string_pattern_mismatch" and "secrets" in location[:-1]:
        rule = "store the value in Secrets Manager or Parameter Store and set its ARN here"
        return Problem(location, f"is not the ARN of a secret or parameter; {rule}")
    if kind == "string_pattern_mismatch":
        return Problem.invalid(location, value, f"it must match {context['pattern']}; see docs/configuration.md")
    rule = str(details["msg"]).replace("Input should be", "it must be").replace("Value should", "it must")
    rule = TYPE_RULES.get(kind) or rule.replace(
        "Dictionary should have at least 1 item after validation, not 0", "it is empty"
    )
    return Problem.invalid(location, value, f"{rule}; see docs/configuration.md")


def model_at(root: type[BaseModel], location: Location) -> type[BaseModel] | None:
    """Return the section at a location; None where there is none."""
    annotation: Any = root
    for part in location:
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
    """Return the section class of a field annotated `Section` or `Section | None`; None for other fields."""
    options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    for option in options:
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None
