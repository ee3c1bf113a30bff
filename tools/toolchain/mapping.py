"""Derive a plugin's mapping.json: which Pulumi names belong to which Terraform names.

The truth is the published Python SDK, since programs are written against it; the other side is the
schema that the compiled plugin prints. What the SDK has and the plugin has not is written down
too, so that the plugin can refuse it by name.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tools.toolchain.sdk import Kind, Sdk

if TYPE_CHECKING:
    from pathlib import Path

LEAST_LIKENESS = 0.4  # below this share of common properties two things are not the same
DEPRECATED, SAME_MODULE = 0.05, 0.02  # what decides between two that are alike
Fields = dict[str, dict[str, Any]]


def camel(name: str) -> str:
    """Return a Terraform name as Pulumi writes it: `load_balancer` -> `loadBalancer`."""
    head, *rest = [word for word in name.split("_") if word]
    return head + "".join(word[:1].upper() + word[1:] for word in rest)


def _spellings(name: str, *, many: bool) -> list[str]:
    """Return the Pulumi names that a field may have, the most likely first."""
    one = camel(name)
    if not many:
        return [one]
    plurals = {one, one + "s", one + "es", one[:-1] + "ies", re.sub("[ei]x$", "ices", one)}
    return sorted(plurals, key=lambda word: (-len(word), word))


def _likeness(fields: Fields, properties: dict[str, str]) -> float:
    """Return how much of fields and properties is common to both, from 0 to 1."""
    known = {word for name, f in fields.items() for word in _spellings(name, many=f["t"] in ("List", "Set"))}
    common = sum(name in known for name in properties)
    return common / max(1, len(properties) + max(0, len(fields) - common))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Level:
    """A resource, or a nested block of one."""

    path: str  # in Terraform's names, "aws_ecs_service.load_balancer"
    prefix: str  # in Pulumi's names, "loadBalancers."
    module: str
    properties: dict[str, str]


@dataclass
class Mapper:
    """Maps one provider; `remarks` collects what did not fit."""

    sdk: Sdk
    overrides: dict[str, dict[str, str]]
    remarks: list[str] = field(default_factory=list)

    def entry(self, section: str, name: str, fields: Fields) -> dict[str, Any] | None:
        """Return the mapping of one resource (`section` resources) or data source (datasources)."""
        kind = self._choose(section, name, fields)
        if kind is None:
            self.remarks.append(f"{section} {name}: not in the SDK")
            return None
        unserved: list[str] = []
        path = name if section == "resources" else f"data.{name}"
        level = _Level(path=path, prefix="", module=kind.module, properties=kind.properties)
        entry: dict[str, Any] = {"tok": kind.token}
        if mapped := self._fields(level, fields, unserved):
            entry["fields"] = mapped
        if refused := [word for word in unserved if word.split(".")[0] in kind.inputs]:
            entry["unserved"] = refused
        self.remarks += [f"{kind.token}: {word} is in the SDK only" for word in unserved]
        return entry

    def _choose(self, section: str, name: str, fields: Fields) -> Kind | None:
        if fixed := self.overrides.get(section, {}).get(name):
            return self.sdk.find(fixed)
        words = name.split("_")[1:]
        ranked = []
        for i in range(len(words)):
            for kind in self.sdk.named(("get" if section == "datasources" else "") + "".join(words[i:])):
                likeness = _likeness(fields, kind.properties)
                same_module = kind.module.rstrip("_") == "".join(words[:i])
                ranked.append(
                    (likeness - DEPRECATED * kind.deprecated + SAME_MODULE * same_module, -i, kind.token, kind)
                )
        best = max(ranked, default=None, key=lambda r: r[:3])
        return best[3] if best and best[0] >= LEAST_LIKENESS else None

    def _fields(self, level: _Level, fields: Fields, unserved: list[str]) -> dict[str, Any]:
        """Return what the bridge would not guess of some fields; names of lists are always given."""
        mapped: dict[str, Any] = {}
        seen = {"id"}
        for name, schema in fields.items():
            many = schema["t"] in ("List", "Set")
            fixed = self.overrides.get("fields", {}).get(f"{level.path}.{name}")
            spellings = [fixed] if fixed else _spellings(name, many=many)
            pulumi = next((word for word in spellings if word in level.properties), None)
            if pulumi is None:
                if name != "id":
                    self.remarks.append(f"{level.path}.{name}: in the provider only")
                continue
            seen.add(pulumi)
            annotation = level.properties[pulumi]
            entry: dict[str, Any] = {"name": pulumi} if many or pulumi != camel(name) else {}
            sequence = "Sequence[" in annotation or "_builtins.list" in annotation
            if many and sequence == bool(schema.get("max1")):
                entry["max1"] = not sequence
            if below := self._below(level, f"{level.path}.{name}", pulumi, schema):
                entry |= self._block(below, schema, unserved)
            if entry:
                mapped[name] = entry
        unserved += [level.prefix + word for word in level.properties if word not in seen]
        return mapped

    def _below(self, level: _Level, path: str, pulumi: str, schema: dict[str, Any]) -> _Level | None:
        """Return the block that a property holds, None if it holds plain values."""
        nested = re.search(r"outputs\.(\w+)", level.properties[pulumi])
        types = self.sdk.types(level.module)
        if "f" not in schema or not nested or nested[1] not in types:
            return None
        prefix = f"{level.prefix}{pulumi}."
        return _Level(path=path, prefix=prefix, module=level.module, properties=types[nested[1]])

    def _block(self, level: _Level, schema: dict[str, Any], unserved: list[str]) -> dict[str, Any]:
        """Return what a block adds to its property's entry."""
        fields = self._fields(level, schema["f"], unserved)
        single = schema["t"] not in ("List", "Set", "Map")
        return ({"fields": fields} if fields else {}) | ({"object": True} if fields and single else {})


def derive(
    sdk_folder: Path, schema: dict[str, Any], overrides: Path, upstream: str
) -> tuple[dict[str, Any], list[str]]:
    """Return the mapping and what did not fit, one remark a line.

    Args:
        sdk_folder: the package of the SDK, `site-packages/pulumi_aws`.
        schema: what the plugin printed for `dump-tf-schema`.
        overrides: the TOML file of names that follow no rule.
        upstream: name and release of the provider, for messages of the plugin.
    """
    mapper = Mapper(Sdk(sdk_folder), tomllib.loads(overrides.read_text()))
    mapping: dict[str, Any] = {"version": mapper.sdk.version, "upstream": upstream}
    for section in ("resources", "datasources"):
        entries = {name: mapper.entry(section, name, fields) for name, fields in sorted(schema[section].items())}
        mapping[section] = {name: entry for name, entry in entries.items() if entry}
    return mapping, mapper.remarks
