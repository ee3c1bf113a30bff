"""The resources that a run of the program declares, as reviewable JSON: inputs, options and outputs."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fake_engine import as_plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fake_engine import FakeEngine

FOLDER = Path(__file__).parent / "golden"
SIGNATURE = "4dabf18193072939515e22adb298388d"  # how Pulumi's protocol marks values that are not plain (sdk/resource)
SECRET = "1b47061264138c4ac30d75fd1eb44270"
# Values that differ between runs or with the example application's source.
VARYING_VALUES = (
    (re.compile(r"\b(staging|prod)-[0-9a-f]{7}\b"), r"\1-<random>"),
    (re.compile(r"content-[0-9a-f]{12}-\d{14}"), "content-<hash>-<time>"),
    (re.compile(r"^web-[0-9a-f]{12}$|^api-[0-9a-f]{12}$"), "<service>-<hash>"),
    (re.compile(r"^.*/slipway-build-[0-9a-f]{16}/build.log$"), "<temporary folder>/build.log"),
    (re.compile(r"^/.*/slipway-[a-z0-9_]{8}$"), "app"),
)
FLAGS = ("protect", "retainOnDelete", "deleteBeforeReplace")
LISTS = ("ignoreChanges", "additionalSecretOutputs", "replaceOnChanges")

Declared = dict[str, dict[str, Any]]


def declared(engine: FakeEngine, outputs: Mapping[str, Any]) -> Declared:
    """Return everything that a run declared.

    Args:
        engine: the fake engine that resources were registered with.
        outputs: the stack's outputs, resolved.

    Returns:
        `outputs`, and `resources` by type and name: inputs, the options that are set, parent and dependencies.
        A string with JSON is shown as its value under `json`, a secret under `secret`.
    """
    resources = {
        _normalized(f"{kind} {_normalized(name)}"): _resource(request)
        for (kind, name), request in sorted(engine.options.items())
        if not kind.startswith("pulumi:")
    }
    return {"outputs": _readable(_plain(outputs)), "resources": resources}


def difference(base: Declared, variant: Declared) -> Declared:
    """Return the entries that a variant adds to a base, changes, or removes (null)."""
    return {part: _changed(base[part], variant[part]) for part in base}


def compare(name: str, actual: Declared, *, rewrite: bool) -> None:
    """Assert that a golden file has the actual declarations, or write it.

    Raises:
        AssertionError: they differ; pytest shows where.
    """
    path = FOLDER / f"{name}.json"
    text = json.dumps(actual, indent=2, sort_keys=True) + "\n"
    if rewrite:
        path.write_text(text, "utf-8")
    assert path.is_file(), f"{path.name} is missing: pytest tests/stack --rewrite-golden"
    assert json.loads(path.read_text("utf-8")) == json.loads(text), (
        f"what is declared differs from {path.name}; if that is meant, rewrite it and review the difference: "
        f"pytest tests/stack --rewrite-golden"
    )


def _resource(request: Any) -> dict[str, Any]:  # noqa: ANN401 - protobuf has no static types here
    options: dict[str, Any] = {flag: True for flag in FLAGS if getattr(request, flag)}
    options |= {name: sorted(getattr(request, name)) for name in LISTS if getattr(request, name)}
    options |= {"aliases": len(request.aliases)} if request.aliases else {}
    options |= {"parent": _identity(request.parent)} if request.parent else {}
    after = sorted({_identity(urn) for urn in request.dependencies})
    return {
        "inputs": _readable(as_plain(request.object)),
        **({"options": options} if options else {}),
        **({"dependsOn": after} if after else {}),
    }


def _identity(urn: str) -> str:
    """Return type and name of `urn:pulumi:STACK::PROJECT::PARENTS$TYPE::NAME`."""
    *_, kinds, name = urn.split("::", 3)
    return f"{kinds.rpartition('$')[2]} {_normalized(name)}"


def _readable(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        secret = value.get(SIGNATURE) == SECRET
        return {key: _readable(part) for key, part in ({"secret": value["value"]} if secret else value).items()}
    if isinstance(value, list):
        return [_readable(part) for part in value]
    if isinstance(value, str):
        return _parsed(value)
    # Protobuf has one type of number.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _parsed(text: str) -> Any:  # noqa: ANN401 - any JSON value
    if text[:1] in ("{", "["):
        with contextlib.suppress(ValueError):
            return {"json": _readable(json.loads(text))}
    return _normalized(text)


def _normalized(text: str) -> str:
    for pattern, stands_for in VARYING_VALUES:
        text = pattern.sub(stands_for, text)
    return text


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return json.loads(json.dumps(value, default=dict))


def _changed(base: Mapping[str, Any], variant: Mapping[str, Any]) -> dict[str, Any]:
    removed = dict.fromkeys(base.keys() - variant.keys())
    return removed | {key: value for key, value in variant.items() if base.get(key, ...) != value}
