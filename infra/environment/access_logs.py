"""The bucket for the load balancer's access logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra import private_bucket
from infra.aws import resource_policies

if TYPE_CHECKING:
    from infra.aws.arns import Home


class AccessLogs(pulumi.ComponentResource):
    """A private S3 bucket that load balancers of this account and region write to, and whose objects expire.

    - a bucket policy that requires TLS and this account, and lets Elastic Load Balancing deliver
    - encrypted by keys of S3's own, with which alone access logs are delivered (Application Load Balancers guide,
      "Enable access logs")
    - a destroy deletes remaining objects too

    Args:
        name: of the environment.
        days: after which a log expires.
        home: the account and region.
    """

    bucket: pulumi.Output[str]

    def __init__(self, name: str, *, days: int, home: Home, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:AccessLogs", name, None, opts)
        own = f"{name}-access-logs"
        bucket = aws.s3.Bucket(own, force_destroy=True, opts=pulumi.ResourceOptions(parent=self))
        policy = resource_policies.access_logs(bucket.arn, home)
        self.bucket = private_bucket.restrict(bucket, own, policy=policy, kms=False, days=days, parent=self)
        self.register_outputs({"bucket": self.bucket})
