"""Operations on DB instances."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from typing import TYPE_CHECKING, Any

from localcloud.docker_engine.network import fixed_address
from localcloud.gateway.protocol import ApiError, arn
from localcloud.iam import service_linked
from localcloud.services.rds import credentials, database, master_user

if TYPE_CHECKING:
    from localcloud.context import Context
    from localcloud.services.rds.groups import Groups
    from localcloud.services.rds.reconciler import Keeper
    from localcloud.services.rds.snapshots import Snapshots

Doc = dict[str, Any]
PORT = 5432
MAJOR = "15"
"""The PostgreSQL version of the images; another major version would need another image."""
IDENTIFIER = re.compile(r"[a-z](?!.*--)[a-z0-9-]{0,62}(?<!-)")
FILTERS = {"db-instance-id": "DBInstanceIdentifier", "dbi-resource-id": "DbiResourceId", "engine": "Engine"}
KEPT = (
    "AllocatedStorage", "DBInstanceClass", "MultiAZ", "AutoMinorVersionUpgrade", "BackupRetentionPeriod",
    "PreferredBackupWindow", "PreferredMaintenanceWindow", "PubliclyAccessible", "StorageType", "Iops",
    "StorageThroughput", "CopyTagsToSnapshot", "MonitoringInterval", "MonitoringRoleArn", "DeletionProtection",
    "MaxAllocatedStorage", "NetworkType", "CACertificateIdentifier", "EngineLifecycleSupport", "DatabaseInsightsMode",
    "PerformanceInsightsRetentionPeriod", "DedicatedLogVolume", "LicenseModel",
)  # fmt: skip
"""Parameters that are stored and returned under the same name."""
RENAMED = {
    "EnableIAMDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled",
    "EnablePerformanceInsights": "PerformanceInsightsEnabled",
}
DEFAULTS: Doc = {
    "MultiAZ": False, "AutoMinorVersionUpgrade": True, "BackupRetentionPeriod": 1, "PubliclyAccessible": False,
    "PreferredBackupWindow": "03:00-03:30", "PreferredMaintenanceWindow": "sun:04:00-sun:04:30", "StorageType": "gp3",
    "CopyTagsToSnapshot": False, "MonitoringInterval": 0, "DeletionProtection": False, "NetworkType": "IPV4",
    "CACertificateIdentifier": "rds-ca-rsa2048-g1", "DatabaseInsightsMode": "standard", "DedicatedLogVolume": False,
    "EngineLifecycleSupport": "open-source-rds-extended-support", "LicenseModel": "postgresql-license",
    "IAMDatabaseAuthenticationEnabled": False, "PerformanceInsightsEnabled": False, "AllocatedStorage": 20,
}  # fmt: skip
OF_SNAPSHOT = (
    "Engine", "EngineVersion", "AllocatedStorage", "MasterUsername", "StorageType", "KmsKeyId", "LicenseModel",
    "DBName",
)  # fmt: skip
"""Parameters that a restored instance has from its snapshot."""
NOT_SERVED = ("NewDBInstanceIdentifier", "DBPortNumber", "RotateMasterUserPassword")


class Instances:
    """PostgreSQL instances."""

    def __init__(self, ctx: Context, keeper: Keeper, groups: Groups, snapshots: Snapshots) -> None:
        """Use the keeper's instances."""
        self._ctx, self._keeper, self._groups, self._snapshots = ctx, keeper, groups, snapshots
        self.rows = keeper.instances
        groups.used_by = self.rows

    def _instance(self, identifier: str) -> Doc:
        found = self.rows.get(identifier.lower())
        if found is None:
            raise ApiError("DBInstanceNotFound", f"DBInstance {identifier} not found.", 404)
        return found

    async def create_db_instance(self, params: Doc) -> Doc:
        """Handle CreateDBInstance; the container is created in the background."""
        service_linked.require(self._ctx.iam.roles, service_linked.RDS)
        identifier = params["DBInstanceIdentifier"].lower()
        self._check(identifier, params)
        managed, given = params.get("ManageMasterUserPassword"), params.get("MasterUserPassword")
        if not params.get("MasterUsername") or bool(managed) == bool(given):
            text = "MasterUsername and either MasterUserPassword or ManageMasterUserPassword must be given"
            raise ApiError("InvalidParameterCombination", text)
        master_user.check(params)
        instance = await self._placed(identifier, params)
        password = params.get("MasterUserPassword")
        if managed:
            password = await self._manage_password(instance, params)
        self._keeper.launch(instance, str(password))
        return {"DBInstance": self._described(instance)}

    async def restore_db_instance_from_db_snapshot(self, params: Doc) -> Doc:
        """Handle RestoreDBInstanceFromDBSnapshot: the data is there before the server first starts.

        The master user keeps the password of the snapshot, until ModifyDBInstance sets another one.
        """
        identifier = params["DBInstanceIdentifier"].lower()
        snapshot = self._snapshots.find(params["DBSnapshotIdentifier"])
        inherited = {name: snapshot[name] for name in OF_SNAPSHOT if snapshot.get(name) is not None}
        params = {**params, **inherited, "StorageEncrypted": snapshot["Encrypted"]}
        params.setdefault("Port", snapshot["Port"])
        self._check(identifier, params)
        instance = await self._placed(identifier, params)
        await self._snapshots.restore(snapshot["DBSnapshotIdentifier"], identifier)
        self._keeper.launch(instance, database.USED)
        return {"DBInstance": self._described(instance)}

    async def _placed(self, identifier: str, params: Doc) -> Doc:
        """Return a new instance's document, with its subnet group and address."""
        instance = self._document(identifier, params)
        group = self._groups.group(params["DBSubnetGroupName"])
        instance["DBSubnetGroupName"] = group["DBSubnetGroupName"]
        instance["AvailabilityZone"] = group["Subnets"][0]["SubnetAvailabilityZone"]["Name"]
        name = database.name_of(self._ctx, identifier)
        address = await asyncio.to_thread(fixed_address, self._ctx, name)
        instance["Endpoint"] = {"Address": address, "Port": params.get("Port", PORT), "HostedZoneId": "Z1LOCALCLOUD"}
        return instance

    async def _manage_password(self, instance: Doc, params: Doc) -> str:
        """Create the secret that RDS manages, and return the password in it."""
        key = params.get("MasterUserSecretKmsKeyId")
        instance["MasterUserSecret"], password = await asyncio.to_thread(credentials.create, self._ctx, instance, key)
        return password

    def _check(self, identifier: str, params: Doc) -> None:
        """Raise ApiError for parameters that AWS would refuse or the local cloud does not support."""
        if self.rows.get(identifier):
            raise ApiError("DBInstanceAlreadyExists", "DB instance already exists")
        if not IDENTIFIER.fullmatch(identifier):
            raise ApiError("InvalidParameterValue", f"{identifier} is not a valid DBInstanceIdentifier")
        if params["Engine"] != "postgres":
            raise ApiError("InvalidParameterValue", f"the local cloud runs engine postgres, not {params['Engine']}")
        version = params.get("EngineVersion", MAJOR)
        if version.split(".")[0] != MAJOR:
            raise ApiError("InvalidParameterCombination", f"the local cloud runs PostgreSQL {MAJOR}, not {version}")
        if not params.get("DBSubnetGroupName"):
            raise ApiError("InvalidParameterValue", "the local cloud needs DBSubnetGroupName")
        group = params.get("DBParameterGroupName", "default.postgres15")
        if not group.startswith("default."):
            raise ApiError("DBParameterGroupNotFound", f"DBParameterGroup not found: {group}", 404)

    def _document(self, identifier: str, params: Doc) -> Doc:
        """Return a new instance's document, without address and secret."""
        given = {name: params[name] for name in KEPT if name in params}
        given |= {member: params[name] for name, member in RENAMED.items() if name in params}
        encrypted = params.get("StorageEncrypted", False)
        key = params.get("KmsKeyId") or arn(self._ctx, "kms", "key/aws-rds")
        return {
            **DEFAULTS,
            **given,
            "DBInstanceIdentifier": identifier,
            "DBInstanceArn": arn(self._ctx, "rds", f"db:{identifier}"),
            "DbiResourceId": f"db-{secrets.token_hex(13).upper()}",
            "DBInstanceStatus": "creating",
            "Engine": "postgres",
            "EngineVersion": params.get("EngineVersion", MAJOR),
            "MasterUsername": params["MasterUsername"],
            "DBName": params.get("DBName"),
            "InstanceCreateTime": time.time(),
            "StorageEncrypted": encrypted,
            "KmsKeyId": key if encrypted else None,
            "VpcSecurityGroupIds": params.get("VpcSecurityGroupIds", []),
            "EnabledCloudwatchLogsExports": params.get("EnableCloudwatchLogsExports", []),
            "Tags": params.get("Tags", []),
        }

    def _described(self, instance: Doc) -> Doc:
        """Return an instance as in API responses; the endpoint is included once the server is ready."""
        creating = instance["DBInstanceStatus"] == "creating"
        return {
            **instance,
            "Endpoint": None if creating else instance["Endpoint"],
            "DBSubnetGroup": self._groups.rows.get(instance["DBSubnetGroupName"]),
            "VpcSecurityGroups": [
                {"VpcSecurityGroupId": group, "Status": "active"} for group in instance["VpcSecurityGroupIds"]
            ],
            "DBParameterGroups": [{"DBParameterGroupName": "default.postgres15", "ParameterApplyStatus": "in-sync"}],
            "OptionGroupMemberships": [{"OptionGroupName": "default:postgres-15", "Status": "in-sync"}],
            "PendingModifiedValues": {},
            "DomainMemberships": [],
            "CustomerOwnedIpEnabled": False,
            "BackupTarget": "region",
            "TagList": instance["Tags"],
        }

    def describe_db_instances(self, params: Doc) -> Doc:
        """Handle DescribeDBInstances, all on one page."""
        rows = self.rows.values()
        if params.get("DBInstanceIdentifier"):
            rows = [self._instance(params["DBInstanceIdentifier"])]
        for each in params.get("Filters", []):
            member = FILTERS.get(each["Name"])
            if member is None:
                raise ApiError("InvalidParameterValue", f"Unrecognized filter name: {each['Name']}")
            rows = [row for row in rows if row[member] in each["Values"]]
        return {"DBInstances": [self._described(row) for row in rows]}

    async def modify_db_instance(self, params: Doc) -> Doc:
        """Handle ModifyDBInstance; everything is applied at once."""
        instance = self._instance(params["DBInstanceIdentifier"])
        for name in NOT_SERVED:
            if params.get(name):
                raise ApiError("InvalidParameterCombination", f"the local cloud does not support {name}")
        if params.get("EngineVersion", MAJOR).split(".")[0] != MAJOR:
            raise ApiError("InvalidParameterCombination", f"the local cloud runs PostgreSQL {MAJOR} only")
        if params.get("AllocatedStorage", instance["AllocatedStorage"]) < instance["AllocatedStorage"]:
            raise ApiError("InvalidParameterCombination", "Requested storage size cannot be less than the current one.")
        if params.get("ManageMasterUserPassword") and not instance.get("MasterUserSecret"):
            self._available(params)
            params = {**params, "MasterUserPassword": await self._manage_password(instance, params)}
        if exports := params.get("CloudwatchLogsExportConfiguration"):
            kept = {*instance["EnabledCloudwatchLogsExports"], *exports.get("EnableLogTypes", [])}
            instance["EnabledCloudwatchLogsExports"] = sorted(kept - {*exports.get("DisableLogTypes", [])})
        if params.get("MasterUserPassword"):
            master_user.check_password(params["MasterUserPassword"])
            await asyncio.to_thread(database.set_password, self._ctx, instance, params["MasterUserPassword"])
        instance.update({name: params[name] for name in (*KEPT, "VpcSecurityGroupIds") if name in params})
        instance.update({member: params[name] for name, member in RENAMED.items() if name in params})
        self.rows.save(instance["DBInstanceIdentifier"])
        return {"DBInstance": self._described(instance)}

    async def delete_db_instance(self, params: Doc) -> Doc:
        """Handle DeleteDBInstance; the final snapshot is a copy of the volume."""
        instance = self._instance(params["DBInstanceIdentifier"])
        identifier, final = instance["DBInstanceIdentifier"], params.get("FinalDBSnapshotIdentifier")
        if instance.get("DeletionProtection"):
            text = "Cannot delete protected DB Instance, please disable deletion protection and try again."
            raise ApiError("InvalidParameterCombination", text)
        if bool(final) == bool(params.get("SkipFinalSnapshot")):
            text = "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
            raise ApiError("InvalidParameterCombination", text)
        if instance["DBInstanceStatus"] == "deleting":
            raise ApiError("InvalidDBInstanceState", f"Instance {identifier} is already being deleted.")
        if final:
            self._snapshots.refuse_taken(final)
            self._keeper.set_status(identifier, "deleting")
            await self._snapshots.take_final(self._described(instance), final)
        self._keeper.delete(identifier)
        return {"DBInstance": self._described(instance)}

    async def create_db_snapshot(self, params: Doc) -> Doc:
        """Handle CreateDBSnapshot; the snapshot is complete when the request returns."""
        instance = self._described(self._available(params))
        return {"DBSnapshot": await self._snapshots.take(instance, params["DBSnapshotIdentifier"])}

    def reboot_db_instance(self, params: Doc) -> Doc:
        """Handle RebootDBInstance."""
        instance = self._available(params)
        self._keeper.restart(instance["DBInstanceIdentifier"])
        return {"DBInstance": self._described(instance)}

    def stop_db_instance(self, params: Doc) -> Doc:
        """Handle StopDBInstance."""
        instance = self._available(params)
        self._keeper.halt(instance["DBInstanceIdentifier"])
        return {"DBInstance": self._described(instance)}

    def start_db_instance(self, params: Doc) -> Doc:
        """Handle StartDBInstance."""
        instance = self._instance(params["DBInstanceIdentifier"])
        if instance["DBInstanceStatus"] != "stopped":
            raise ApiError("InvalidDBInstanceState", f"Instance {instance['DBInstanceIdentifier']} is not stopped.")
        self._keeper.resume(instance["DBInstanceIdentifier"])
        return {"DBInstance": self._described(instance)}

    def _available(self, params: Doc) -> Doc:
        instance = self._instance(params["DBInstanceIdentifier"])
        if instance["DBInstanceStatus"] != "available":
            text = f"Instance {instance['DBInstanceIdentifier']} is not in available state."
            raise ApiError("InvalidDBInstanceState", text)
        return instance
