"""A reader of stack files that follows Pulumi's rules: YAML 1.2 booleans, and no duplicate keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path


class StackFileError(Exception):
    """Raised for a stack file that Pulumi would reject too: one line with file and remedy."""


class Loader(yaml.SafeLoader):
    """A YAML 1.2 loader. PyYAML reads YAML 1.1: `yes` is true, `12:30` a number, the last of duplicate keys wins."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own name

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        """Build a map; raise an error for a duplicate key."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Raise an error for an alias inside its own anchor, which would be an infinite value."""
        alias = self.check_event(yaml.events.AliasEvent) and self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML has no types for it
        if alias and isinstance(held := self.anchors.get(alias.anchor), yaml.CollectionNode) and held.end_mark is None:
            raise yaml.composer.ComposerError(None, None, f"&{alias.anchor} contains itself", alias.start_mark)
        return super().compose_node(parent, index)


class Dumper(yaml.SafeDumper):
    """A dumper that quotes every string that YAML 1.1 or 1.2 would read as another type."""


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
    """Read `0o17` and `017` as octal, as Pulumi does."""
    if re.match(r"[-+]?0o?[0-7_]+$", node.value):
        return int(node.value.replace("0o", "0", 1).replace("_", ""), 8)
    return int(loader.construct_yaml_int(node))


Loader.add_constructor("tag:yaml.org,2002:int", _integer)


def read(path: Path) -> dict[str, Any]:
    """Return a stack file's content.

    Raises:
        FileNotFoundError: the file does not exist.
        StackFileError: the file is not a valid stack file.
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
    """Return a document as a stack file's text, which `read` parses back to the same document."""
    written: str = yaml.dump(document, Dumper=Dumper)
    return written
