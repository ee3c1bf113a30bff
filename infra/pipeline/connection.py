"""The stack's own connection to GitHub."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.aws import names


class Connection(pulumi.ComponentResource):
    """A CodeConnections connection to GitHub; it is PENDING until a person completes it in the AWS console.

    Args:
        name: of the stack.
    """

    arn: pulumi.Output[str]
    status: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:Connection", name, None, opts)
        connection = aws.codeconnections.Connection(
            name, name=names.pipeline(name), provider_type="GitHub", opts=pulumi.ResourceOptions(parent=self)
        )
        self.arn, self.status = connection.arn, connection.connection_status
        self.register_outputs({"arn": self.arn, "status": self.status})
