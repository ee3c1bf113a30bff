"""Contracts that every component keeps."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
from pathlib import Path

import pulumi
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "infra" / "components"
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
LONGEST_FILE, LONGEST_CONSTRUCTOR = 200, 40


def component(module: str) -> type[pulumi.ComponentResource]:
    """Return a file's only component."""
    found = importlib.import_module(f"infra.components.{module}")
    (one,) = [
        value
        for value in vars(found).values()
        if inspect.isclass(value) and issubclass(value, pulumi.ComponentResource) and value.__module__ == found.__name__
    ]
    return one


def tree(module: str) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse((FOLDER / f"{module}.py").read_text("utf-8"))


@pytest.mark.parametrize("module", MODULES)
def test_a_component_has_the_token_of_its_name(module: str) -> None:
    """`slipway:infra:Name`; a changed token would replace everything in it."""
    name = component(module).__name__
    tokens = [node.value for node in ast.walk(tree(module)) if isinstance(node, ast.Constant)]
    assert f"slipway:infra:{name}" in tokens


@pytest.mark.parametrize("module", MODULES)
def test_arguments_are_frozen_named_and_without_defaults(module: str) -> None:
    """Whoever composes says everything; defaults are the settings' alone."""
    found = importlib.import_module(f"infra.components.{module}")
    kinds = [
        value
        for name, value in vars(found).items()
        if name.endswith("Args") and value.__module__ == found.__name__ and dataclasses.is_dataclass(value)
    ]
    assert kinds
    for kind in kinds:
        assert vars(kind)["__dataclass_params__"].frozen
        assert all(field.kw_only for field in dataclasses.fields(kind))
        assert all(field.default is dataclasses.MISSING for field in dataclasses.fields(kind))


@pytest.mark.parametrize("module", MODULES)
def test_a_component_registers_exactly_the_outputs_it_declares(module: str) -> None:
    """Those annotated on the class are those handed over at the end."""
    declared = {name for name in inspect.get_annotations(component(module)) if not name.startswith("_")}
    calls = [
        node
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "register_outputs"
        and isinstance(node.args[0], ast.Dict)
    ]
    (call,) = calls
    assert isinstance(call.args[0], ast.Dict)
    registered = {key.value for key in call.args[0].keys if isinstance(key, ast.Constant)}
    assert registered == declared


@pytest.mark.parametrize("module", MODULES)
def test_no_child_takes_over_its_parents_options(module: str) -> None:
    """`ResourceOptions.merge` would copy aliases, protection and imports into children."""
    assert "ResourceOptions.merge" not in (FOLDER / f"{module}.py").read_text("utf-8")


@pytest.mark.parametrize("module", MODULES)
def test_no_resource_is_made_inside_an_apply(module: str) -> None:
    """It would be missing from previews."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "apply":
            inside = [part for part in ast.walk(node) if isinstance(part, ast.Attribute)]
            assert not [part for part in inside if isinstance(part.value, ast.Name) and part.value.id == "aws"]


@pytest.mark.parametrize("module", MODULES)
def test_a_component_is_read_on_a_few_screens(module: str) -> None:
    """Its file and its constructor stay short; its docstring promises and lists."""
    lines = (FOLDER / f"{module}.py").read_text("utf-8").splitlines()
    assert len(lines) <= LONGEST_FILE
    assert len(inspect.getsource(component(module).__init__).splitlines()) <= LONGEST_CONSTRUCTOR
    assert component(module).__doc__
