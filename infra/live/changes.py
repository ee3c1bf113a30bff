"""What a change of the configuration would do to the stack that stands, decided before anything is declared.

The effect that a key declares (`infra.config.effects`) decides: what it refuses, or what destroys data and is not named
in `slipway:allow`, ends a preview and an `up` alike with one line for each key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from infra.config import effects
from infra.config.errors import ConfigError, Location, Problem, display_value, key_path
from infra.live import service_changes, upgrades
from infra.live.change import Change

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infra.config.stack import StackConfig
    from infra.live.records import Standing
    from infra.live.resources import Database, Resources
    from infra.live.service_changes import Neighbours

DATABASE: Location = ("environment", "database")


def check(config: StackConfig, up: Standing, resources: Resources, ask: Neighbours) -> list[Database]:
    """Return the databases that this `up` destroys, as `slipway:allow` permits.

    Args:
        config: the stack's configuration, completed.
        up: what the services recorded.
        resources: what stands.
        ask: what else there is to know.

    Raises:
        ConfigError: a change is refused.
    """
    changes = [*_network(config, resources), *_database(config, resources)]
    changes += service_changes.check(config, up, resources, ask)
    problems = [problem for change in changes if (problem := _problem(config, change))]
    if problems:
        raise ConfigError(config.stack, problems)
    _tell(config, changes)
    destroyed = any(change.allowed_by and _effect(config, change).kind == effects.Kind.DESTROYS for change in changes)
    return [resources.database] if destroyed and resources.database else []


def _problem(config: StackConfig, change: Change) -> Problem | None:
    """Return the problem of a change, None if its effect permits it or the stack file allows it."""
    effect = _effect(config, change)
    if not change.rule and effect.kind not in (effects.Kind.REFUSED, effects.Kind.DESTROYS):
        return None
    if change.allowed_by and change.allowed_by in config.allow:
        return None
    verb = "is gone" if change.value is None else f"is {display_value(change.location, change.value)}"
    text = f"{verb}; {change.stands}; {change.rule or effect.detail}"
    if change.allowed_by:
        index = len(config.allow)
        text += f"; put it back, or allow it: pulumi config set --path 'slipway:allow[{index}]' '{change.allowed_by}'"
    return Problem(change.location, text)


def _tell(config: StackConfig, changes: Sequence[Change]) -> None:
    """Warn of what the stack file allows, and of entries that allow nothing."""
    used = {change.allowed_by: change for change in changes if change.allowed_by in config.allow}
    for entry, change in used.items():
        detail = _effect(config, change).detail
        pulumi.log.warn(f"{key_path(change.location)}: {change.stands}; {detail}; slipway:allow permits it: {entry}")
    for entry in config.allow:
        if entry not in used:
            pulumi.log.warn(f"slipway:allow has {entry}, which permits nothing (any more); remove the entry")


def _effect(config: StackConfig, change: Change) -> effects.Effect:
    return effects.at(type(config), change.location)


def _network(config: StackConfig, resources: Resources) -> Iterator[Change]:
    cidr = config.environment.network.cidr
    if resources.cidr and cidr != resources.cidr:
        yield Change(
            location=("environment", "network", "cidr"), value=cidr, stands=f"the VPC that stands has {resources.cidr}"
        )


def _database(config: StackConfig, resources: Resources) -> Iterator[Change]:
    stands, section = resources.database, config.environment.database
    if stands is None:
        return
    if section is None:
        yield Change(
            location=DATABASE, value=None, stands=f"database {stands.identifier} stands", allowed_by=stands.identifier
        )
    else:
        for key, value, old in (("name", section.name, stands.name), ("user", section.user, stands.user)):
            if value != old:
                text = f'database {stands.identifier} has the {key} "{old}"'
                yield Change(location=(*DATABASE, key), value=value, stands=text, allowed_by=stands.identifier)
        # What RDS has added by itself is left alone by the provider (aws.rds.Instance, maxAllocatedStorage).
        if section.storage < stands.storage and section.max_storage is None:
            text = f"database {stands.identifier} has {stands.storage} GiB"
            rule = f"RDS cannot shrink storage; set at least {stands.storage}"
            yield Change(location=(*DATABASE, "storage"), value=section.storage, stands=text, rule=rule)
        if version := upgrades.change(section, stands):
            yield Change(
                location=(*DATABASE, "engine_version"),
                value=section.engine_version,
                stands=f"database {stands.identifier} runs PostgreSQL {stands.engine_version}",
                allowed_by=version.entry,
                rule=version.rule,
            )
        if section.restore_from and (section.name, section.user) != (stands.name, stands.user):
            text = f"database {stands.identifier} stands, and is replaced by an empty one"
            rule = "a snapshot has the name and user of its database; remove restore_from"
            yield Change(location=(*DATABASE, "restore_from"), value=section.restore_from, stands=text, rule=rule)
    destroyed = section is None or (section.name, section.user) != (stands.name, stands.user)
    if destroyed and stands.deletion_protection and stands.identifier in config.allow:
        rule = "AWS deletes nothing that is protected; set deletion_protection: false in an `up` of its own first"
        text = f"database {stands.identifier} has deletion protection"
        yield Change(location=(*DATABASE, "deletion_protection"), value=True, stands=text, rule=rule)
