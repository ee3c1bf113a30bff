"""Rules between a stack and the stacks that it refers to, checked against their stack files."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

import yaml

from infra.aws import subnets
from infra.build_context import ROOT
from infra.config.errors import Location, Problem, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.config.stack import StackConfig


def check(config: StackConfig, folder: Path = ROOT) -> Iterator[Problem]:
    """Yield the problems with the stacks that `slipway:images` and `slipway:pipeline` refer to.

    Args:
        config: this stack's configuration.
        folder: of the stack files; stacks of another project have none there and are not checked.
    """
    references: dict[str, Location] = {}
    if config.pipeline and config.pipeline.staging:
        references[config.pipeline.staging] = ("pipeline", "staging")
    if config.images:
        location: Location = ("images", "from_stack")
        if config.image_stack == config.qualified:
            rule = "it is this stack itself; set a stack with a registry, or use slipway:registry instead"
            yield Problem.invalid(location, config.images.from_stack, rule)
        references[config.images.from_stack] = location
    for name, location in references.items():
        if "/" not in name and name != config.stack:
            yield from _other_stack(config, name, location, folder)
    if config.environment.rollout == "pulumi":
        yield from _deployed_by_another(config, folder)


def _other_stack(config: StackConfig, name: str, location: Location, folder: Path) -> Iterator[Problem]:
    path = folder / f"Pulumi.{name}.yaml"
    if not path.is_file():
        stacks = sorted(file.name.split(".")[1] for file in folder.glob("Pulumi.*.yaml"))
        rule = f"there is no {path.name} beside Pulumi.yaml; {suggestion(name, stacks)}set a stack that has a file"
        yield Problem.invalid(location, name, rule)
        return
    other = _config(path)
    if location[0] == "images" and other and "slipway:registry" not in other:
        rule = f"{path.name} has no slipway:registry; set a stack that has one"
        yield Problem.invalid(location, name, rule)
    region = other.get("aws:region")
    if isinstance(region, str) and config.region and region != config.region:
        rule = f"{path.name} has aws:region {region}, but images and parameters are read in this stack's region"
        yield Problem.invalid(("aws:region",), config.region, f"{rule}; use the same region", depends_on=(location,))
    yield from _addresses(config, path.name, other)
    if location[0] == "pipeline" and _part(other, "slipway:environment", "rollout") == "pulumi":
        rule = f"{path.name} has rollout: pulumi, so each `pulumi up -s {name}` would undo the pipeline's releases"
        yield Problem.invalid(location, name, f"{rule}; remove it there, or remove the pipeline here")


def _deployed_by_another(config: StackConfig, folder: Path) -> Iterator[Problem]:
    """Check that no other stack's pipeline deploys to this stack, which rolls out by itself."""
    for path in sorted(folder.glob("Pulumi.*.yaml")):
        if path.name != f"Pulumi.{config.stack}.yaml" and (
            _part(_config(path), "slipway:pipeline", "staging") == config.stack
        ):
            rule = f"the pipeline of {path.name} deploys to this stack, and each `pulumi up` would undo its releases"
            yield Problem.invalid(
                ("environment", "rollout"), config.environment.rollout, f"{rule}; remove rollout, or that pipeline"
            )


def _addresses(config: StackConfig, name: str, other: dict[str, Any]) -> Iterator[Problem]:
    """Check that the VPCs do not overlap: VPCs with overlapping CIDR blocks cannot be peered."""
    own_cidr, other_cidr = config.environment.network.cidr, other.get("slipway:environment")
    default = type(config.environment.network).model_fields["cidr"].default
    for key, absent in (("network", {}), ("cidr", default)):
        other_cidr = other_cidr.get(key, absent) if isinstance(other_cidr, dict) else None
    if not isinstance(other_cidr, str) or subnets.cidr_problem(own_cidr) or subnets.cidr_problem(other_cidr):
        return
    if ipaddress.IPv4Network(own_cidr).overlaps(ipaddress.IPv4Network(other_cidr)):
        rule = f"it overlaps {other_cidr} of {name}, so the VPCs could not be peered; set a range of its own"
        yield Problem.invalid(("environment", "network", "cidr"), own_cidr, rule)


def _config(path: Path) -> dict[str, Any]:
    """Return another stack's configuration; empty if its file is invalid, which loading that stack reports."""
    try:
        config = yaml.safe_load(path.read_text("utf-8"))["config"]
    except (OSError, ValueError, RecursionError, yaml.YAMLError, TypeError, LookupError):
        return {}
    return config if isinstance(config, dict) else {}


def _part(config: dict[str, Any], section: str, key: str) -> object:
    """Return a key of a section of another stack's configuration, None if it is not there."""
    found = config.get(section)
    return found.get(key) if isinstance(found, dict) else None
