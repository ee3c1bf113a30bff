"""The snapshot that a new database is created from, checked before anything is declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
from botocore.exceptions import BotoCoreError, ClientError

from infra.config.errors import ConfigError, Location, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.clients import Clients
    from infra.config.database import Database
    from infra.config.stack import StackConfig

KEY: Location = ("environment", "database", "restore_from")


def check(clients: Clients, config: StackConfig) -> None:
    """Check that a database can be created from the snapshot that is configured, if any.

    RDS keeps the master user, the storage and the encryption of a snapshot (RDS user guide, "Restoring to a DB
    instance"); Pulumi would replace what it finds to be otherwise, with the restored data in it.

    Raises:
        ConfigError: it cannot.
        pulumi.RunError: the snapshot cannot be read, and this is not a preview.
    """
    section = config.environment.database
    if section is None or not section.restore_from:
        return
    try:
        answer = clients("rds").describe_db_snapshots(DBSnapshotIdentifier=section.restore_from)
    except (ClientError, BotoCoreError) as error:
        if "DBSnapshotNotFound" in str(error):
            rule = "there is no such snapshot in this account and region; see: aws rds describe-db-snapshots"
            raise ConfigError(config.stack, [Problem.invalid(KEY, section.restore_from, rule)]) from error
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(f"snapshot {section.restore_from} cannot be read: {error}") from error
        pulumi.log.warn(f"snapshot {section.restore_from} cannot be read, so it is not checked: {error}")
        return
    if problems := [Problem.invalid(KEY, section.restore_from, one) for one in _rules(section, answer["DBSnapshots"])]:
        raise ConfigError(config.stack, problems)


def _rules(section: Database, found: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what does not fit, as RULE; REMEDY."""
    for snapshot in found:
        if snapshot["Engine"] != "postgres":
            yield f"it is of the engine {snapshot['Engine']}; name a snapshot of PostgreSQL"
            return
        if snapshot["Status"] != "available":
            yield f"it is {snapshot['Status']}; wait until it is available"
        if snapshot["MasterUsername"] != section.user:
            yield f"its master user is {snapshot['MasterUsername']}; set user: {snapshot['MasterUsername']}"
        if snapshot["EngineVersion"].split(".")[0] != section.engine_version.split(".")[0]:
            version = snapshot["EngineVersion"].split(".")[0]
            yield f"it is of PostgreSQL {snapshot['EngineVersion']}; set engine_version: {version}, upgrade it later"
        if snapshot["AllocatedStorage"] > section.storage:
            yield f"it has {snapshot['AllocatedStorage']} GiB; set storage to at least that"
        if not snapshot.get("Encrypted"):
            yield "it is not encrypted; name an encrypted copy: aws rds copy-db-snapshot --kms-key-id alias/aws/rds"
