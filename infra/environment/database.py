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
    """An encrypted PostgreSQL instance on RDS that only admitted services reach.

    - its password is made and kept by RDS in Secrets Manager; no one else ever sees it
    - the password changes at the interval given instead of RDS's weekly default (see `_rotate`)
    - without a final snapshot nothing stays after a destroy, automated backups included

    Args:
        name: of the environment.
        section: `slipway:environment.database`.
        vpc_id: the network's.
        subnet_ids: the database subnets.
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
        vpc_id: pulumi.Input[str],
        subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("slipway:infra:Database", name, None, opts)
        self._name, self._section = name, section
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
        """The variables that tell a container where the database is."""
        return {
            containers.DATABASE_HOST: self.host,
            containers.DATABASE_PORT: self.port.apply(str),
            containers.DATABASE_NAME: self.database,
        }

    @property
    def secrets(self) -> dict[str, pulumi.Input[str]]:
        """The variables that hold its user and password: keys of RDS's secret (ECS: `ARN:key:stage:version`)."""
        return {
            containers.DATABASE_USER: pulumi.Output.concat(self.secret_arn, ":username::"),
            containers.DATABASE_PASSWORD: pulumi.Output.concat(self.secret_arn, ":password::"),
        }

    def _instance(
        self, group: aws.ec2.SecurityGroup, subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    ) -> aws.rds.Instance:
        """Make the instance in the database subnets."""
        section = self._section
        snapshot = names.final_snapshot(self._name) if section.final_snapshot else None
        subnets = aws.rds.SubnetGroup(self._name, subnet_ids=subnet_ids, opts=self._child)
        return aws.rds.Instance(
            self._name,
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
            final_snapshot_identifier=snapshot,
            opts=self._child,
        )

    def _rotate(self) -> None:
        """Change the password seldom: tasks read it when they start, so each change asks for a new deployment.

        The schedule of a secret that RDS manages may be changed but not cancelled, hence kept on destroy; the
        secret itself goes with the instance.
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
