"""The S3 bucket of the pipeline's artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra.aws.resource_policies import private_bucket

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
        self._name = name
        self._child = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(f"{name}-artifacts", force_destroy=True, opts=self._child)
        policy = self._restrict(bucket, account)
        self._expire(bucket, section.artifact_days)
        # The name resolves after the bucket policy exists.
        self.bucket = pulumi.Output.all(bucket.bucket, policy.id).apply(lambda both: str(both[0]))
        self.arn = bucket.arn
        self.objects = pulumi.Output.concat(bucket.arn, "/*")
        self.register_outputs({"bucket": self.bucket, "arn": self.arn, "objects": self.objects})

    def _restrict(self, bucket: aws.s3.Bucket, account: str) -> aws.s3.BucketPolicy:
        """Block public access, encrypt, and create the bucket policy."""
        block = aws.s3.BucketPublicAccessBlock(
            self._name,
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._child,
        )
        by_default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
            sse_algorithm="aws:kms"
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            self._name,
            bucket=bucket.bucket,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=by_default, bucket_key_enabled=True
                )
            ],
            opts=self._child,
        )
        return aws.s3.BucketPolicy(
            self._name,
            bucket=bucket.bucket,
            policy=pulumi.Output.json_dumps(private_bucket(bucket.arn, account)),
            # S3 rejects concurrent changes of public access block and policy.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[block]),
        )

    def _expire(self, bucket: aws.s3.Bucket, days: int) -> None:
        """Create the lifecycle rule: artifacts expire after `days`, incomplete uploads after one day."""
        aws.s3.BucketLifecycleConfiguration(
            self._name,
            bucket=bucket.bucket,
            rules=[
                aws.s3.BucketLifecycleConfigurationRuleArgs(
                    id="forget",
                    status="Enabled",
                    filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=days),
                    abort_incomplete_multipart_upload=(
                        aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                            days_after_initiation=1
                        )
                    ),
                )
            ],
            opts=self._child,
        )
