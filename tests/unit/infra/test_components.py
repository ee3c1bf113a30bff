"""Contracts that every component keeps."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import pulumi
import pytest

ROOT = Path(__file__).resolve().parents[3]
SOURCES = [path for path in (ROOT / "infra").rglob("*.py") if "(pulumi.ComponentResource)" in path.read_text("utf-8")]
MODULES = sorted(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in SOURCES)
LONGEST_FILE, LONGEST_CONSTRUCTOR = 200, 40


def component(module: str) -> type[pulumi.ComponentResource]:
    """Return a file's only component."""
    found = importlib.import_module(module)
    (one,) = [
        value
        for value in vars(found).values()
        if inspect.isclass(value) and issubclass(value, pulumi.ComponentResource) and value.__module__ == found.__name__
    ]
    return one


def tree(module: str) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text("utf-8"))


def test_there_are_components() -> None:
    """The tests below run for each of them."""
    assert len(MODULES) == 22


@pytest.mark.parametrize("module", MODULES)
def test_a_component_has_the_token_of_its_name(module: str) -> None:
    """`slipway:infra:Name`; a changed token would replace everything in it."""
    name = component(module).__name__
    tokens = [node.value for node in ast.walk(tree(module)) if isinstance(node, ast.Constant)]
    assert f"slipway:infra:{name}" in tokens


@pytest.mark.parametrize("module", MODULES)
def test_a_component_takes_its_name_its_section_and_by_keyword_what_it_depends_on(module: str) -> None:
    """Whoever composes says everything; defaults are the configuration's alone."""
    given = [one for one in inspect.signature(component(module)).parameters.values() if one.name != "opts"]
    assert all(one.default is inspect.Parameter.empty for one in given)
    by_place = [one for one in given if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert all(one.annotation in ("str", "Section") for one in by_place), [str(one) for one in by_place]
    assert inspect.signature(component(module)).parameters["opts"].default is None


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
    assert "ResourceOptions.merge" not in ast.unparse(tree(module))


@pytest.mark.parametrize("module", MODULES)
def test_a_component_fits_on_a_few_screens(module: str) -> None:
    """A file of at most 200 lines, a constructor that reads as calls of named builders."""
    path = ROOT / f"{module.replace('.', '/')}.py"
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST_FILE
    (made,) = [
        node for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef) and node.name == "__init__"
        and any(isinstance(one, ast.Call) and "super().__init__" in ast.unparse(one) for one in ast.walk(node))
    ]  # fmt: skip
    assert (made.end_lineno or 0) - made.body[0].lineno < LONGEST_CONSTRUCTOR


@pytest.mark.parametrize("module", MODULES)
def test_a_components_docstring_says_what_exists_and_explains_each_parameter(module: str) -> None:
    """Its first line names the thing; `Args` has every parameter but the options."""
    text = inspect.getdoc(component(module)) or ""
    given = [name for name in inspect.signature(component(module)).parameters if name != "opts"]
    _, _, explained = text.partition("Args:")
    assert [name for name in given if f"\n    {name}: " not in explained] == []
