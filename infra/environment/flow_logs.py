"""The flow logs of the VPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra.aws import iam, names, permissions

if TYPE_CHECKING:
    from infra.aws.arns import Home

SERVICE = "vpc-flow-logs.amazonaws.com"


class FlowLogs(pulumi.ComponentResource):
    """The metadata of all connections in the VPC, accepted and rejected, as a log group.

    - a role of their own, which only flow logs of this account and region can use, to write to this log group
    - one record for each flow of 10 minutes, the interval that writes the fewest

    Args:
        name: of the environment.
        days: retention of the log group.
        vpc_id: of the network.
        home: the account and region.
    """

    def __init__(
        self,
        name: str,
        *,
        days: int,
        vpc_id: pulumi.Input[str],
        home: Home,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("slipway:infra:FlowLogs", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = aws.cloudwatch.LogGroup(
            f"{name}-flow", name=names.flow_log_group(name), retention_in_days=days, opts=child
        )
        source = home.arn("ec2", "vpc-flow-log/*")
        role = aws.iam.Role(
            f"{name}-flow",
            description=f"Flow logs of {name}",
            assume_role_policy=iam.service_trust_policy(SERVICE, account=home.account, source=source),
            opts=child,
        )
        statements = permissions.write_flow_logs(group.arn, pulumi.Output.concat(group.arn, ":*"))
        policy = aws.iam.RolePolicy(
            f"{name}-flow", role=role.id, policy=pulumi.Output.json_dumps(iam.document(*statements)), opts=child
        )
        aws.ec2.FlowLog(
            name,
            vpc_id=vpc_id,
            traffic_type="ALL",
            iam_role_arn=role.arn,
            log_destination=group.arn,
            tags={"Name": name},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.register_outputs({})
