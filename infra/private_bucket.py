"""What makes an S3 bucket private: public access blocked, encrypted, a policy, objects that expire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from infra.aws.iam import Document


def restrict(  # noqa: PLR0913 - a bucket's properties
    bucket: aws.s3.Bucket, name: str, *, policy: Document, kms: bool, days: int, parent: pulumi.Resource
) -> pulumi.Output[str]:
    """Create what restricts a bucket; return its name, which resolves after the bucket policy exists.

    Args:
        bucket: the bucket.
        name: of the resources.
        policy: the bucket policy; its values may be Pulumi outputs.
        kms: whether objects are encrypted by the account's own key for S3 (`aws/s3`), else by keys of S3's own.
        days: after which an object expires; incomplete uploads do after one day.
        parent: the component.
    """
    child = pulumi.ResourceOptions(parent=parent)
    block = aws.s3.BucketPublicAccessBlock(
        name,
        bucket=bucket.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=child,
    )
    _encrypt(bucket, name, kms=kms, opts=child)
    attached = aws.s3.BucketPolicy(
        name,
        bucket=bucket.bucket,
        policy=pulumi.Output.json_dumps(policy),
        # S3 rejects concurrent changes of public access block and policy.
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[block]),
    )
    _expire(bucket, name, days, opts=child)
    return pulumi.Output.all(bucket.bucket, attached.id).apply(lambda both: str(both[0]))


def _encrypt(bucket: aws.s3.Bucket, name: str, *, kms: bool, opts: pulumi.ResourceOptions) -> None:
    by_default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm="aws:kms" if kms else "AES256"
    )
    rule = aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
        apply_server_side_encryption_by_default=by_default, bucket_key_enabled=True if kms else None
    )
    aws.s3.BucketServerSideEncryptionConfiguration(name, bucket=bucket.bucket, rules=[rule], opts=opts)


def _expire(bucket: aws.s3.Bucket, name: str, days: int, *, opts: pulumi.ResourceOptions) -> None:
    incomplete = aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(days_after_initiation=1)
    rule = aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="forget",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=days),
        abort_incomplete_multipart_upload=incomplete,
    )
    aws.s3.BucketLifecycleConfiguration(name, bucket=bucket.bucket, rules=[rule], opts=opts)
