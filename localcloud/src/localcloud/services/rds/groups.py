"""Operations on DB subnet groups and parameter groups."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from localcloud.gateway.protocol import ApiError, arn
from localcloud.services.rds.credentials import client
from localcloud.state.table import Table

if TYPE_CHECKING:
    from localcloud.context import Context

Doc = dict[str, Any]
LEAST_ZONES = 2


class Groups:
    """DB subnet groups; of parameter groups there is only the default one."""

    def __init__(self, ctx: Context) -> None:
        """Load the documents from the store."""
        self._ctx = ctx
        self.rows = Table(ctx.store, "rds-subnet-group")
        self.used_by: Table | None = None

    def group(self, name: str) -> Doc:
        """Return a subnet group.

        Raises:
            ApiError: it does not exist.
        """
        found = self.rows.get(name.lower())
        if found is None:
            raise ApiError("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' does not exist.", 404)
        return found

    async def create_db_subnet_group(self, params: Doc) -> Doc:
        """Handle CreateDBSubnetGroup."""
        name = params["DBSubnetGroupName"].lower()
        if self.rows.get(name):
            raise ApiError("DBSubnetGroupAlreadyExists", f"DB subnet group {name} already exists.")
        vpc, subnets = await asyncio.to_thread(self._subnets, params["SubnetIds"])
        group = {
            "DBSubnetGroupName": name,
            "DBSubnetGroupDescription": params["DBSubnetGroupDescription"],
            "VpcId": vpc,
            "SubnetGroupStatus": "Complete",
            "Subnets": subnets,
            "DBSubnetGroupArn": arn(self._ctx, "rds", f"subgrp:{name}"),
            "SupportedNetworkTypes": ["IPV4"],
            "Tags": params.get("Tags", []),
        }
        return {"DBSubnetGroup": self.rows.put(name, group)}

    def _subnets(self, identifiers: list[str]) -> tuple[str, list[Doc]]:
        """Return the VPC and the subnets' descriptions; blocking."""
        try:
            found = client(self._ctx, "ec2").describe_subnets(SubnetIds=identifiers)["Subnets"]
        except ClientError as error:
            raise ApiError("InvalidSubnet", error.response["Error"]["Message"]) from error
        if len({subnet["VpcId"] for subnet in found}) != 1:
            raise ApiError("InvalidSubnet", "The subnets of a DB subnet group are of one VPC")
        if len({subnet["AvailabilityZone"] for subnet in found}) < LEAST_ZONES:
            text = "DB Subnet Group doesn't meet availability zone coverage requirement: it needs 2 availability zones."
            raise ApiError("DBSubnetGroupDoesNotCoverEnoughAZs", text)
        described = [
            {
                "SubnetIdentifier": subnet["SubnetId"],
                "SubnetAvailabilityZone": {"Name": subnet["AvailabilityZone"]},
                "SubnetStatus": "Active",
            }
            for subnet in found
        ]
        return found[0]["VpcId"], described

    def describe_db_subnet_groups(self, params: Doc) -> Doc:
        """Handle DescribeDBSubnetGroups, all on one page."""
        name = params.get("DBSubnetGroupName")
        return {"DBSubnetGroups": [self.group(name)] if name else self.rows.values()}

    async def modify_db_subnet_group(self, params: Doc) -> Doc:
        """Handle ModifyDBSubnetGroup."""
        group = self.group(params["DBSubnetGroupName"])
        vpc, subnets = await asyncio.to_thread(self._subnets, params["SubnetIds"])
        description = params.get("DBSubnetGroupDescription", group["DBSubnetGroupDescription"])
        group.update(VpcId=vpc, Subnets=subnets, DBSubnetGroupDescription=description)
        self.rows.save(group["DBSubnetGroupName"])
        return {"DBSubnetGroup": group}

    def delete_db_subnet_group(self, params: Doc) -> Doc:
        """Handle DeleteDBSubnetGroup; one in use is refused."""
        name = self.group(params["DBSubnetGroupName"])["DBSubnetGroupName"]
        users = self.used_by.values() if self.used_by else []
        for instance in users:
            if instance["DBSubnetGroupName"] == name:
                user = instance["DBInstanceIdentifier"]
                text = f"Cannot delete the subnet group '{name}' because database instance {user} is still using it."
                raise ApiError("InvalidDBSubnetGroupStateFault", text)
        self.rows.delete(name)
        return {}
