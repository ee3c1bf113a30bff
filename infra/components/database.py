"""The environment's PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from collections.abc import Sequence

PORT = 5432


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseArgs:
    """What the database needs. Sizes in GiB; `final_snapshot` is the name of the one kept on destroy, if any."""

    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    engine_version: str
    instance_class: str
    storage: int
    multi_az: bool
    backup_days: int
    deletion_protection: bool
    final_snapshot: str | None
    password_rotation_days: int
    database: str
    user: str


class Database(pulumi.ComponentResource):
    """An encrypted PostgreSQL instance on RDS that only admitted services reach.

    - its password is made and kept by RDS in Secrets Manager; no one else ever sees it
    - the password changes at the interval given instead of RDS's weekly default (see `_rotate`)
    - without a final snapshot nothing stays after a destroy, automated backups included
    """

    host: pulumi.Output[str]
    port: pulumi.Output[int]
    database: pulumi.Output[str]
    secret_arn: pulumi.Output[str]
    security_group_id: pulumi.Output[str]

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:Database", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-database", vpc_id=args.vpc_id, description="Database: from the services", opts=self._child
        )
        instance = self._instance(group)
        self.host, self.port = instance.address, instance.port
        self.database = pulumi.Output.from_input(args.database)
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

    def _instance(self, group: aws.ec2.SecurityGroup) -> aws.rds.Instance:
        """Make the instance in the database subnets."""
        args = self._args
        subnets = aws.rds.SubnetGroup(self._name, subnet_ids=args.subnet_ids, opts=self._child)
        return aws.rds.Instance(
            self._name,
            engine="postgres",
            engine_version=args.engine_version,
            instance_class=args.instance_class,
            allocated_storage=args.storage,
            storage_type="gp3",
            storage_encrypted=True,
            multi_az=args.multi_az,
            db_name=args.database,
            username=args.user,
            port=PORT,
            manage_master_user_password=True,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[group.id],
            publicly_accessible=False,
            apply_immediately=True,
            auto_minor_version_upgrade=True,
            copy_tags_to_snapshot=True,
            backup_retention_period=args.backup_days,
            delete_automated_backups=args.final_snapshot is None,
            deletion_protection=args.deletion_protection,
            skip_final_snapshot=args.final_snapshot is None,
            final_snapshot_identifier=args.final_snapshot,
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
                automatically_after_days=self._args.password_rotation_days
            ),
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
