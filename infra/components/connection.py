"""The stack's own way to GitHub."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionArgs:
    """The connection's name, at most 32 characters (CreateConnection)."""

    connection_name: str


class Connection(pulumi.ComponentResource):
    """A CodeConnection to GitHub, which is of use once a person has completed it in AWS's console."""

    arn: pulumi.Output[str]
    status: pulumi.Output[str]

    def __init__(self, name: str, args: ConnectionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:Connection", name, None, opts)
        connection = aws.codeconnections.Connection(
            name, name=args.connection_name, provider_type="GitHub", opts=pulumi.ResourceOptions(parent=self)
        )
        self.arn, self.status = connection.arn, connection.connection_status
        self.register_outputs({"arn": self.arn, "status": self.status})
