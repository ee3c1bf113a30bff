"""The S3 bucket of the pipeline's artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra import private_bucket
from infra.aws import resource_policies

if TYPE_CHECKING:
    from infra.config.pipeline import Pipeline as Section


class ArtifactStore(pulumi.ComponentResource):
    """A private, encrypted S3 bucket whose objects expire.

    - a bucket policy that requires TLS and this account; public access is blocked
    - no versioning: CodePipeline gives each artifact a unique key
    - a lifecycle rule for artifacts and incomplete uploads; a destroy deletes remaining objects too

    Args:
        name: of the stack.
        section: `slipway:pipeline`.
        account: ID of the only account that may use it.
    """

    bucket: pulumi.Output[str]
    arn: pulumi.Output[str]
    objects: pulumi.Output[str]

    def __init__(
        self, name: str, section: Section, *, account: str, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("slipway:infra:ArtifactStore", name, None, opts)
        bucket = aws.s3.Bucket(f"{name}-artifacts", force_destroy=True, opts=pulumi.ResourceOptions(parent=self))
        policy, days = resource_policies.private_bucket(bucket.arn, account), section.artifact_days
        self.bucket = private_bucket.restrict(bucket, name, policy=policy, kms=True, days=days, parent=self)
        self.arn = bucket.arn
        self.objects = pulumi.Output.concat(bucket.arn, "/*")
        self.register_outputs({"bucket": self.bucket, "arn": self.arn, "objects": self.objects})
