"""Where the pipeline's actions hand sources and manifests to one another."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra import policies


@dataclass(frozen=True, kw_only=True, slots=True)
class ArtifactStoreArgs:
    """What the store needs: after how many days an artifact is removed, and the account that may use it."""

    keep_days: int
    account: str


class ArtifactStore(pulumi.ComponentResource):
    """A private, encrypted bucket that forgets.

    - reached over TLS only, and by this account only; never public
    - without versions: CodePipeline gives each artifact a name of its own
    - artifacts and broken uploads are removed by age; a destroy takes what is left along
    """

    bucket: pulumi.Output[str]
    arn: pulumi.Output[str]
    objects: pulumi.Output[str]

    def __init__(self, name: str, args: ArtifactStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:ArtifactStore", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(f"{name}-artifacts", force_destroy=True, opts=self._child)
        policy = self._close(bucket)
        self._forget(bucket)
        # The name comes out once the bucket is closed.
        self.bucket = pulumi.Output.all(bucket.bucket, policy.id).apply(lambda both: str(both[0]))
        self.arn = bucket.arn
        self.objects = pulumi.Output.concat(bucket.arn, "/*")
        self.register_outputs({"bucket": self.bucket, "arn": self.arn, "objects": self.objects})

    def _close(self, bucket: aws.s3.Bucket) -> aws.s3.BucketPolicy:
        """Keep the public, plain text and other accounts out; encrypt."""
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
            policy=pulumi.Output.json_dumps(policies.private_bucket(bucket.arn, self._args.account)),
            # AWS refuses both changes at once.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[block]),
        )

    def _forget(self, bucket: aws.s3.Bucket) -> None:
        """Remove what is old."""
        aws.s3.BucketLifecycleConfiguration(
            self._name,
            bucket=bucket.bucket,
            rules=[
                aws.s3.BucketLifecycleConfigurationRuleArgs(
                    id="forget",
                    status="Enabled",
                    filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=self._args.keep_days),
                    abort_incomplete_multipart_upload=(
                        aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                            days_after_initiation=1
                        )
                    ),
                )
            ],
            opts=self._child,
        )
