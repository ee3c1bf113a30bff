"""Stack files read as Pulumi reads them: by YAML 1.2's words for true and false, and no key twice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path


class StackFileError(Exception):
    """A stack file that Pulumi would not read either: one line with file and remedy."""


class Loader(yaml.SafeLoader):
    """PyYAML reads YAML 1.1, where `yes` is true, `12:30` a number, and the last of two equal keys wins."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own name

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        """Build a map, in which no key is twice."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse an alias inside of what it stands for, as an endless value."""
        alias = self.check_event(yaml.events.AliasEvent) and self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML has no types for it
        if alias and isinstance(held := self.anchors.get(alias.anchor), yaml.CollectionNode) and held.end_mark is None:
            raise yaml.composer.ComposerError(None, None, f"&{alias.anchor} contains itself", alias.start_mark)
        return super().compose_node(parent, index)


class Dumper(yaml.SafeDumper):
    """Puts every text into quotes that either version of YAML would take for something else."""


for tag, pattern, first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    for reader_or_writer in (Loader, Dumper):
        resolved = re.compile(f"(?:{pattern})$")
        reader_or_writer.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", resolved, list(first))  # type: ignore[no-untyped-call]  # PyYAML has no types for it


def _integer(loader: Loader, node: yaml.ScalarNode) -> int:
    """Read `0o17` and `017` as Pulumi does: to the base 8."""
    if re.match(r"[-+]?0o?[0-7_]+$", node.value):
        return int(node.value.replace("0o", "0", 1).replace("_", ""), 8)
    return int(loader.construct_yaml_int(node))


Loader.add_constructor("tag:yaml.org,2002:int", _integer)


def read(path: Path) -> dict[str, Any]:
    """Return a stack file's content.

    Raises:
        FileNotFoundError: there is none.
        StackFileError: it is no stack file.
    """
    try:
        document = yaml.load(path.read_text("utf-8"), Loader) or {}  # noqa: S506 - a safe loader
    except FileNotFoundError:
        raise
    except (yaml.YAMLError, ValueError, RecursionError, OSError) as bad:
        problem = " ".join(str(bad).split())
        raise StackFileError(f"{path.name} cannot be read as YAML: {problem}; correct the file") from bad
    if not isinstance(document, dict) or not isinstance(document.get("config") or {}, dict):
        raise StackFileError(f"{path.name} has no `config:` map; see docs/configuration.md for its keys")
    return document


def text(document: dict[str, Any]) -> str:
    """Return a stack file's text, which reads back as the same."""
    written: str = yaml.dump(document, Dumper=Dumper)
    return written
