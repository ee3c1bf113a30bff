"""There are no import cycles: neither at run time nor for types."""

from __future__ import annotations

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "app": "app/src",
    "buildlog": ".",
    "diagnosis": ".",
    "contract": ".",
    "delivery": ".",
    "infra": ".",
    "localcloud": "localcloud/src",
    "tools": ".",
}


@cache
def tree(path: Path) -> ast.Module:
    """Return a module's syntax tree, parsed once."""
    return ast.parse(path.read_text("utf-8"))


def modules(package: str) -> dict[str, Path]:
    """Return a package's modules by full name."""
    base = ROOT / PACKAGES[package]
    folder = base if package == "app" else base / package
    names = {path: path.relative_to(base).with_suffix("").parts for path in sorted(folder.rglob("*.py"))}
    return {".".join(name).removesuffix(".__init__"): path for path, name in names.items()}


def is_for_types(node: ast.If) -> bool:
    """Tell whether a statement is `if TYPE_CHECKING`."""
    return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports(parsed: ast.AST, name: str, *, types: bool) -> set[str]:
    """Return the modules that a module may import, in functions too: `from a import b` is `a.b` for any `b`.

    Args:
        parsed: the module's syntax tree, or a part of it.
        name: the module's package, for relative imports.
        types: whether to include imports for type checking only.
    """
    found: set[str] = set()
    for node in ast.iter_child_nodes(parsed):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = [*name.split(".")[: -node.level + 1 or None]] if node.level else []
            base = ".".join([*parts, *([node.module] if node.module else [])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
        elif types or not (isinstance(node, ast.If) and is_for_types(node)):
            found |= imports(node, name, types=types)
    return found


def graph(package: str, *, types: bool) -> dict[str, set[str]]:
    """Return a package's import graph: the modules that each module imports, without itself and its own package."""
    known = modules(package)
    found = {}
    for name, path in known.items():
        parent = name if path.name == "__init__.py" else name.rpartition(".")[0]
        wanted = imports(tree(path), parent, types=types)
        found[name] = {each if each in known else each.rpartition(".")[0] for each in wanted} & known.keys() - {name}
    return found


@pytest.mark.parametrize("types", [False, True], ids=["at run time", "for types"])
@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_imports_itself_by_way_of_others(package: str, *, types: bool) -> None:
    """Each module can be understood, and loaded, after the modules that it imports."""
    try:
        TopologicalSorter(graph(package, types=types)).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
