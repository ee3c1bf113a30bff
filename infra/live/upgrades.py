"""The upgrade of a database to another major version, which one `up` may do once `slipway:allow` names it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from infra.config.database import Database as Section
    from infra.config.stack import StackConfig
    from infra.live.resources import Database


class Upgrade(NamedTuple):
    """Another major version: `entry` of `slipway:allow` permits it, empty if nothing does; `rule`: RULE; REMEDY."""

    entry: str
    rule: str


def change(section: Section, stands: Database) -> Upgrade | None:
    """Return what a change of the major version needs, None if it is the one that stands."""
    old, new = _major(stands.engine_version), _major(section.engine_version)
    if new == old:
        return None
    if not new.isdecimal() or int(new) < int(old):
        return Upgrade("", f"RDS upgrades and never goes back; set {old}, or restore a snapshot from before")
    if not section.apply_immediately:
        rule = "an upgrade that waits for the maintenance window would leave its snapshot behind; "
        return Upgrade("", f"{rule}set apply_immediately: true for this `up`")
    return Upgrade(
        f"{stands.identifier}:{new}",
        f"an upgrade to another major version cannot be undone, and the database is away meanwhile; read what is "
        f"incompatible in PostgreSQL {new}, and try it on a stack that is restored from a snapshot",
    )


def permitted(config: StackConfig, stands: Database | None) -> list[Database]:
    """Return the databases that this `up` upgrades to another major version, as `slipway:allow` permits."""
    section = config.environment.database
    if section is None or stands is None:
        return []
    found = change(section, stands)
    return [stands] if found and found.entry in config.allow else []


def _major(version: str) -> str:
    return version.split(".", maxsplit=1)[0]
