"""The section `slipway:environment.database`: PostgreSQL on RDS."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from infra.config import effects
from infra.config.section import Section
from infra.config.text import Text


class Alarms(Section):
    """The alarms of the database, published to the pipeline's topic if the stack has one."""

    free_storage_percent: Annotated[int, effects.IN_PLACE] = Field(
        10, ge=1, le=90, description="least free storage, percent of `storage`"
    )
    cpu_percent: Annotated[int, effects.IN_PLACE] = Field(
        80, ge=10, le=100, description="highest average CPU utilization, percent, for a quarter of an hour"
    )
    connections: Annotated[int, effects.IN_PLACE] = Field(
        60,
        ge=1,
        description="highest number of connections; RDS accepts one for each 9.1 MiB of the instance's memory, "
        "at most 5000",
    )


class Database(Section):
    """PostgreSQL on RDS; RDS manages the password in Secrets Manager."""

    engine_version: Annotated[Text, effects.ENGINE_VERSION] = Field("15", description="PostgreSQL version")
    instance_class: Annotated[str, effects.RESTART] = Field(
        "db.t4g.micro", pattern=r"^db\.[a-z0-9]+\.[a-z0-9]+$", description="RDS instance class"
    )
    storage: Annotated[int, effects.STORAGE] = Field(20, ge=20, le=65536, description="gp3 storage, GiB")
    max_storage: Annotated[int | None, effects.MAX_STORAGE] = Field(
        None, ge=22, le=65536, description="GiB up to which RDS enlarges the storage by itself; absent: it does not"
    )
    multi_az: Annotated[bool, effects.IN_PLACE] = Field(
        default=False, description="Multi-AZ: a standby instance in another zone"
    )
    apply_immediately: Annotated[bool, effects.IN_PLACE] = Field(
        default=True,
        description="apply changes at once; `false`: what restarts the database waits for the maintenance window, and "
        "previews show it until then",
    )
    maintenance_window: Annotated[str | None, effects.WINDOW] = Field(
        None,
        description="weekly window for maintenance, in UTC: `sun:03:00-sun:04:00`; absent: one that AWS chooses",
    )
    backup_window: Annotated[str | None, effects.WINDOW] = Field(
        None, description="daily window for backups, in UTC: `01:00-02:00`; absent: one that AWS chooses"
    )
    backup_days: Annotated[int, effects.BACKUP_DAYS] = Field(
        1, ge=0, le=35, description="retention of automated backups, days; 0 turns them off"
    )
    deletion_protection: Annotated[bool, effects.IN_PLACE] = Field(
        default=False, description="deletion protection; `pulumi destroy` fails while it is on"
    )
    final_snapshot: Annotated[bool, effects.IN_PLACE] = Field(
        default=False, description="on destroy take a final snapshot and retain automated backups"
    )
    restore_from: Annotated[str | None, effects.RESTORE] = Field(
        None,
        pattern=r"^[A-Za-z][A-Za-z0-9:-]{0,254}$",
        description="snapshot that the database is created from; `name`, `user` and the major version are those of "
        "the snapshot; absent: an empty database",
    )
    alarms: Annotated[Alarms | None, effects.IN_PLACE] = Field(
        None, description="alarms on free storage, connections and CPU; absent: none"
    )
    log_exports: Annotated[bool, effects.IN_PLACE] = Field(
        default=False, description="publish PostgreSQL's log to CloudWatch Logs, kept for `log_retention_days`"
    )
    performance_insights: Annotated[bool, effects.IN_PLACE] = Field(
        default=False, description="Performance Insights with its history of 7 days, which is free"
    )
    password_rotation_days: Annotated[int, effects.IN_PLACE] = Field(
        365, ge=1, le=1000, description="days between password rotations; after one: `delivery restart`"
    )
    name: Annotated[str, effects.DATABASE_NAME] = Field(
        "app", pattern=r"^[a-z][a-z0-9_]{0,62}$", description="database name"
    )
    user: Annotated[str, effects.DATABASE_USER] = Field(
        "app", pattern=r"^[a-z][a-z0-9_]{0,15}$", description="master user name"
    )
