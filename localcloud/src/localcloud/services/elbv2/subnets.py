"""Subnets and their Availability Zones, looked up in the local cloud's EC2."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from localcloud.gateway.protocol import ApiError
from localcloud.services.clients import client

if TYPE_CHECKING:
    from localcloud.context import Context
    from localcloud.state.table import Doc

ZONES = 2


async def zones(ctx: Context, subnets: list[str]) -> tuple[str, list[Doc]]:
    """Return the VPC and the AvailabilityZones of a load balancer in the given subnets.

    Raises:
        ApiError: a subnet is unknown, or they do not span two zones, as an application load balancer must.
    """

    def ask() -> list[Doc]:
        found: list[Doc] = client(ctx, "ec2").describe_subnets(SubnetIds=subnets)["Subnets"]
        return found

    try:
        rows = await asyncio.to_thread(ask) if subnets else []
    except ClientError as error:
        raise ApiError("SubnetNotFound", f"The subnet ID is not valid: {error}") from error
    if len({row["AvailabilityZone"] for row in rows}) < ZONES:
        text = "At least two subnets in two different Availability Zones must be specified"
        raise ApiError("ValidationError", text)
    rows.sort(key=lambda row: str(row["AvailabilityZone"]))
    listed: list[Doc] = [{"ZoneName": row["AvailabilityZone"], "SubnetId": row["SubnetId"]} for row in rows]
    return rows[0]["VpcId"], [zone | {"LoadBalancerAddresses": []} for zone in listed]
