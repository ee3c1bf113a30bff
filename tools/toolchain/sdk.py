"""Read what an installed Pulumi SDK offers: its tokens, their properties and the types of these."""

from __future__ import annotations

import ast
import functools
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NOT_RESOURCES = {"__init__.py", "_inputs.py", "_utilities.py", "_enums.py", "outputs.py"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A resource or function of an SDK."""

    token: str
    module: str  # the folder, "" or "ecs", whose outputs.py holds its types
    properties: dict[str, str]  # Pulumi name -> annotation
    inputs: frozenset[str]  # those that a program may set
    deprecated: bool


def _properties(cls: ast.ClassDef) -> dict[str, str]:
    """Return the properties of a generated class: Pulumi name -> annotation."""
    found = {}
    for function in cls.body:
        if not isinstance(function, ast.FunctionDef):
            continue
        for decorator in map(ast.unparse, function.decorator_list):
            if decorator.startswith("pulumi.getter"):
                named = re.search(r"name='(\w+)'", decorator)
                annotation = ast.unparse(function.returns) if function.returns else ""
                found[named[1] if named else function.name] = annotation
    return found


class Sdk:
    """The SDK whose package lies in `folder`; files are read only when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.version: str = json.loads((folder / "pulumi-plugin.json").read_text())["version"]
        self._files: dict[str, list[Path]] = defaultdict(list)
        for path in sorted(folder.rglob("*.py")):
            if path.name not in NOT_RESOURCES:
                self._files[path.stem.replace("_", "").lower()].append(path)

    def named(self, type_name: str) -> list[Kind]:
        """Return the resources or functions of that name (case does not count), in every module."""
        kinds = [self._kind(path) for path in self._files.get(type_name.lower(), [])]
        return [kind for kind in kinds if kind]

    def find(self, token: str) -> Kind | None:
        """Return what a token names."""
        return next((kind for kind in self.named(token.split(":")[2]) if kind.token == token), None)

    @functools.cache  # noqa: B019 - one SDK lives as long as the build
    def types(self, module: str) -> dict[str, dict[str, str]]:
        """Return the output types of a module: class name -> properties."""
        path = self.folder / module / "outputs.py"
        if not path.exists():
            return {}
        tree = ast.parse(path.read_text())
        return {cls.name: _properties(cls) for cls in tree.body if isinstance(cls, ast.ClassDef)}

    @functools.cache  # noqa: B019 - one SDK lives as long as the build
    def _kind(self, path: Path) -> Kind | None:
        text = path.read_text()
        classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
        module = path.parent.relative_to(self.folder).as_posix().removeprefix(".")
        for cls in classes:
            resource = re.search(rf"super\({cls.name}, __self__\)\.__init__\(\s*'(\w+:[^':]+:\w+)'", text)
            function = re.search(r"runtime\.invoke\('([^']+)'", text) if cls.name.endswith("Result") else None
            if found := resource or function:
                args = next((c for c in classes if resource and c.name == f"{cls.name}Args"), None)
                return Kind(
                    token=found[1],
                    module=module,
                    properties=_properties(cls),
                    inputs=frozenset(_properties(args) if args else ()),
                    deprecated="@deprecated" in text,
                )
        return None
