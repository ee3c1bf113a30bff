"""The table of configuration keys, made from the sections' code: `docs/configuration.md`."""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from infra.config.errors import HANDED_OVER
from infra.config.stack import StackConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

HEAD = """# Configuration

Keys of `Pulumi.<stack>.yaml`, under `config:`.
Made from the code by `python -m infra.config > docs/configuration.md`; a test holds the two equal.
A change by command, with the path as below:
`pulumi config set --path 'slipway:environment.services.web.cpu' 512`.

A map with a default is there when its key is absent; one that is "absent" switches its part on by being written.

| key | type | default | meaning |
|---|---|---|---|
"""


# What is beside the sections: the providers' keys and secrets.
OTHERS = (
    """
Beside these, of the AWS provider:

| key | when | meaning |
|---|---|---|
| `aws:region` | always | the one region that the stack lives in |
"""
    "| `aws:defaultTags` | as in the committed stack files | tags of every resource; `delivery clean` takes "
    "revisions with `project: slipway` and `environment: <the stack's name>` for the stack's own |\n"
    """
With `slipway:pipeline` also these; secrets by `pulumi config set --secret KEY -s STACK`, never in plain text:

| key | when | meaning |
|---|---|---|
"""
    + "".join(
        f"| `{key}` | {when} | {meaning} |\n"
        for key, when, meaning in (
            ("github:owner", "always", "the repository's owner, in whose account webhooks are registered"),
            (
                "github:token",
                "secret, always; with `trigger: connection` the variable `GITHUB_TOKEN` of `pulumi` will do",
                "may read and write the repository's webhooks; with `trigger: webhook` also read its contents",
            ),
            (
                "slipway:webhook_secret",
                "secret, with `trigger: webhook`",
                "1 to 100 characters of your choice, by which GitHub's messages are known",
            ),
        )
    )
    + """
With `trigger: webhook` CodeBuild needs a credential for GitHub of its own, one for the account and region, which no
stack makes: `aws codebuild import-source-credentials --server-type GITHUB --auth-type PERSONAL_ACCESS_TOKEN`, with
`--token`.
"""
)


def render() -> str:
    """Return the whole document."""
    return HEAD + "".join(f"{row}\n" for row in _rows(StackConfig, "slipway:")) + OTHERS


def _rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if name in HANDED_OVER and model is StackConfig:
            continue
        key = f"{prefix}{name}"
        inner, kind = _describe(field.annotation)
        yield f"| `{key}` | {kind} | {_default(field)} | {(field.description or '').replace('|', '&#124;')} |"
        if inner is not None:
            yield from _rows(inner, f"{key}.<name>." if kind == "map by name" else f"{key}.")


def _describe(annotation: Any) -> tuple[type[BaseModel] | None, str]:  # noqa: ANN401 - a type annotation
    """Return the section inside, if any, and the type's name for people."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _describe(parts[0])
    if origin in (Union, UnionType):
        return _describe(next(part for part in parts if part is not type(None)))
    if origin is Literal:
        return None, " or ".join(f"`{part}`" for part in parts)
    if origin is dict:
        inner, _ = _describe(parts[1])
        return (inner, "map by name") if inner else (None, "map of texts")
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, "map"
    return None, {str: "text", int: "number", bool: "true or false", tuple: "list of texts"}[origin or annotation]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None:
        return "absent"
    if isinstance(value, BaseModel) or value in ({}, ()):
        return "map below" if isinstance(value, BaseModel) else "none"
    if isinstance(value, tuple) and value:
        return ", ".join(f"`{part}`" for part in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
