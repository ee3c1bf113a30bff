"""Rules between a stack and those that it names, as far as their files beside this one tell."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

import yaml

from infra.aws import subnets
from infra.build_context import ROOT
from infra.config.errors import Location, Mistake, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.config.stack import StackConfig


def check(config: StackConfig, folder: Path = ROOT) -> Iterator[Mistake]:
    """Yield every mistake that the other stacks' files show; a stack of another project has none here."""
    named: dict[str, Location] = {}
    if config.pipeline and config.pipeline.staging:
        named[config.pipeline.staging] = ("pipeline", "staging")
    if config.images:
        place: Location = ("images", "from_stack")
        if config.image_stack == config.qualified:
            rule = "that is this stack itself; name a stack with a registry, or add slipway:registry instead"
            yield Mistake.value(place, config.images.from_stack, rule)
        named[config.images.from_stack] = place
    for name, place in named.items():
        if "/" not in name and name != config.stack:
            yield from _other(config, name, place, folder)


def _other(config: StackConfig, name: str, place: Location, folder: Path) -> Iterator[Mistake]:
    path = folder / f"Pulumi.{name}.yaml"
    if not path.is_file():
        stacks = sorted(found.name.split(".")[1] for found in folder.glob("Pulumi.*.yaml"))
        rule = f"there is no {path.name} beside Pulumi.yaml; {nearest(name, stacks)}name a stack that has a file"
        yield Mistake.value(place, name, rule)
        return
    there = _config(path)
    if place[0] == "images" and there and "slipway:registry" not in there:
        rule = f"{path.name} has no slipway:registry; name a stack with one"
        yield Mistake.value(place, name, rule)
    region = there.get("aws:region")
    if isinstance(region, str) and config.region and region != config.region:
        rule = f"{path.name} has aws:region {region}, and images and parameters are read in this stack's own region"
        yield Mistake.value(("aws:region",), config.region, f"{rule}; use the same", needs=(place,))
    yield from _addresses(config, path.name, there)


def _addresses(config: StackConfig, name: str, there: dict[str, Any]) -> Iterator[Mistake]:
    """Compare the networks: two that overlap could never be connected."""
    mine, theirs = config.environment.network.cidr, there.get("slipway:environment")
    default = type(config.environment.network).model_fields["cidr"].default
    for key, absent in (("network", {}), ("cidr", default)):
        theirs = theirs.get(key, absent) if isinstance(theirs, dict) else None
    if not isinstance(theirs, str) or subnets.problem(mine) or subnets.problem(theirs):
        return
    if ipaddress.IPv4Network(mine).overlaps(ipaddress.IPv4Network(theirs)):
        rule = f"it overlaps {theirs} of {name}, so that they could never be connected; give each stack its own"
        yield Mistake.value(("environment", "network", "cidr"), mine, rule)


def _config(path: Path) -> dict[str, Any]:
    """Return another stack's configuration; empty where it cannot be read, which is for that stack to say."""
    try:
        config = yaml.safe_load(path.read_text("utf-8"))["config"]
    except (OSError, ValueError, RecursionError, yaml.YAMLError, TypeError, LookupError):
        return {}
    return config if isinstance(config, dict) else {}
