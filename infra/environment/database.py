"""The PostgreSQL database on RDS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from contract import containers
from infra.aws import names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.config.database import Database as Section

PORT = 5432
LOG = "postgresql"
"""The log that is exported (RDS CreateDBInstance, EnableCloudwatchLogsExports)."""
FREE_INSIGHTS_DAYS = 7
"""The history of Performance Insights that is free, days (RDS CreateDBInstance, PerformanceInsightsRetentionPeriod)."""


class Database(pulumi.ComponentResource):
    """An encrypted PostgreSQL instance on RDS that only services with an ingress rule can reach.

    - RDS creates the master password and stores it in Secrets Manager; it is not in the Pulumi state
    - the password is rotated at the configured interval instead of RDS's default of 7 days (see `_rotate`)
    - without a final snapshot a destroy deletes the automated backups too
    - with deletion protection the preview of a destroy is refused, and AWS refuses to delete the instance
    - the final snapshot is named after the instance, whose identifier is random, so that no later destroy collides

    Args:
        name: of the environment.
        section: `slipway:environment.database`.
        identifier: of the instance that stands, or one for a new instance.
        replaced: whether an instance that stands is replaced by a new one. Otherwise it keeps its identifier, whatever
            `identifier` is.
        upgrades: whether this `up` may upgrade it to another major version.
        log_retention_days: retention of its log, days.
        vpc_id: of the network.
        subnet_ids: of the database subnets.
    """

    host: pulumi.Output[str]
    port: pulumi.Output[int]
    database: pulumi.Output[str]
    identifier: pulumi.Output[str]
    secret_arn: pulumi.Output[str]
    security_group_id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        section: Section,
        *,
        identifier: str,
        replaced: bool,
        upgrades: bool,
        log_retention_days: int,
        vpc_id: pulumi.Input[str],
        subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("slipway:infra:Database", name, None, opts)
        self._name, self._section, self._identifier, self._replaced = name, section, identifier, replaced
        self._child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-database", vpc_id=vpc_id, description="Database: from the services", opts=self._child
        )
        logs = [self._log_group(log_retention_days)] if section.log_exports else []
        instance = self._instance(group, subnet_ids, upgrades=upgrades, after=logs)
        self.identifier = instance.identifier
        self.host, self.port = instance.address, instance.port
        self.database = pulumi.Output.from_input(section.name)
        self.secret_arn = instance.master_user_secrets.apply(lambda secrets: str(secrets[0].secret_arn))
        self.security_group_id = group.id
        self._rotate()
        self.register_outputs(
            {
                "host": self.host,
                "port": self.port,
                "database": self.database,
                "identifier": self.identifier,
                "secret_arn": self.secret_arn,
                "security_group_id": self.security_group_id,
            }
        )

    @property
    def variables(self) -> dict[str, pulumi.Input[str]]:
        """The environment variables with the database's address, by name."""
        return {
            containers.DATABASE_HOST: self.host,
            containers.DATABASE_PORT: self.port.apply(str),
            containers.DATABASE_NAME: self.database,
        }

    @property
    def secrets(self) -> dict[str, pulumi.Input[str]]:
        """The environment variables with user and password, as references to RDS's secret: `ARN:key:stage:version`."""
        return {
            containers.DATABASE_USER: pulumi.Output.concat(self.secret_arn, ":username::"),
            containers.DATABASE_PASSWORD: pulumi.Output.concat(self.secret_arn, ":password::"),
        }

    def _instance(
        self,
        group: aws.ec2.SecurityGroup,
        subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]],
        *,
        upgrades: bool,
        after: Sequence[pulumi.Resource],
    ) -> aws.rds.Instance:
        """Create the instance in the database subnets."""
        section = self._section
        subnets = aws.rds.SubnetGroup(self._name, subnet_ids=subnet_ids, opts=self._child)
        return aws.rds.Instance(
            self._name,
            identifier=self._identifier,
            engine="postgres",
            engine_version=section.engine_version,
            instance_class=section.instance_class,
            allow_major_version_upgrade=upgrades or None,
            # A replacement of another name or user holds what neither has in the snapshot.
            snapshot_identifier=None if self._replaced else section.restore_from,
            allocated_storage=section.storage,
            max_allocated_storage=section.max_storage,
            storage_type="gp3",
            storage_encrypted=True,
            multi_az=section.multi_az,
            db_name=section.name,
            username=section.user,
            port=PORT,
            manage_master_user_password=True,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[group.id],
            publicly_accessible=False,
            apply_immediately=section.apply_immediately,
            maintenance_window=section.maintenance_window,
            backup_window=section.backup_window,
            auto_minor_version_upgrade=True,
            copy_tags_to_snapshot=True,
            backup_retention_period=section.backup_days,
            enabled_cloudwatch_logs_exports=[LOG] if section.log_exports else None,
            performance_insights_enabled=True if section.performance_insights else None,
            performance_insights_retention_period=FREE_INSIGHTS_DAYS if section.performance_insights else None,
            delete_automated_backups=not section.final_snapshot,
            deletion_protection=section.deletion_protection,
            skip_final_snapshot=not section.final_snapshot,
            final_snapshot_identifier=names.final_snapshot(self._identifier) if section.final_snapshot else None,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=after,
                ignore_changes=self._kept(upgrades=upgrades),
                # AWS refuses when `destroy` has deleted the services; the preview before it refuses this.
                protect=section.deletion_protection,
            ),
        )

    def _kept(self, *, upgrades: bool) -> list[str]:
        """Return the inputs that stay as they are in the state of an instance that stands.

        The permission to upgrade stays after it was given, since its withdrawal would show as a change; whether an `up`
        may upgrade is decided before.
        """
        if self._replaced:
            return []
        return ["identifier", "snapshotIdentifier", *([] if upgrades else ["allowMajorVersionUpgrade"])]

    def _log_group(self, days: int) -> aws.cloudwatch.LogGroup:
        """Create the log group before RDS does, which would keep its events for ever."""
        return aws.cloudwatch.LogGroup(
            f"{self._name}-database",
            name=names.database_log_group(self._identifier, LOG),
            retention_in_days=days,
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=[] if self._replaced else ["name"]),
        )

    def _rotate(self) -> None:
        """Set the rotation schedule: tasks read the password at start, so each rotation requires a new deployment.

        Rotation of a secret that RDS manages can be rescheduled but not cancelled, hence `retain_on_delete`; the secret
        is deleted with the instance.
        """
        aws.secretsmanager.SecretRotation(
            self._name,
            secret_id=self.secret_arn,
            rotate_immediately=False,
            rotation_rules=aws.secretsmanager.SecretRotationRotationRulesArgs(
                automatically_after_days=self._section.password_rotation_days
            ),
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
