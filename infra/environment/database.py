"""The PostgreSQL database on RDS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from contract import containers
from infra.aws import names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.config.environment import Database as Section

PORT = 5432


class Database(pulumi.ComponentResource):
    """An encrypted PostgreSQL instance on RDS that only services with an ingress rule can reach.

    - RDS creates the master password and stores it in Secrets Manager; it is not in the Pulumi state
    - the password is rotated at the configured interval instead of RDS's default of 7 days (see `_rotate`)
    - without a final snapshot a destroy deletes the automated backups too
    - with deletion protection Pulumi refuses a destroy before anything is deleted, and AWS the deletion of the instance
    - the final snapshot is named after the instance, whose identifier is random, so that no later destroy collides

    Args:
        name: of the environment.
        section: `slipway:environment.database`.
        identifier: of the instance that stands, or one for a new instance.
        replaced: whether an instance that stands is replaced by a new one. Otherwise it keeps its identifier, whatever
            `identifier` is.
        vpc_id: of the network.
        subnet_ids: of the database subnets.
    """

    host: pulumi.Output[str]
    port: pulumi.Output[int]
    database: pulumi.Output[str]
    secret_arn: pulumi.Output[str]
    security_group_id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        section: Section,
        *,
        identifier: str,
        replaced: bool,
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
        instance = self._instance(group, subnet_ids)
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
        self, group: aws.ec2.SecurityGroup, subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
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
            allocated_storage=section.storage,
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
            apply_immediately=True,
            auto_minor_version_upgrade=True,
            copy_tags_to_snapshot=True,
            backup_retention_period=section.backup_days,
            delete_automated_backups=not section.final_snapshot,
            deletion_protection=section.deletion_protection,
            skip_final_snapshot=not section.final_snapshot,
            final_snapshot_identifier=names.final_snapshot(self._identifier) if section.final_snapshot else None,
            opts=pulumi.ResourceOptions(
                parent=self,
                ignore_changes=[] if self._replaced else ["identifier"],
                # AWS alone would refuse when `destroy` has deleted the services.
                protect=section.deletion_protection,
            ),
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
