"""Policies of buckets, topics and image repositories. Pure functions; ARNs may be Pulumi outputs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from contract import images
from infra.aws.iam import Document, document, statement

if TYPE_CHECKING:
    from collections.abc import Sequence


def private_bucket(arn: object, account: str) -> Document:
    """Return a bucket's policy: over TLS only, and for principals of this account only.

    Args:
        arn: of the bucket.
        account: its number.
    """
    everything = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, _within(arn)]}
    # A service that acts for the account has no account of its own.
    foreign = {
        "StringNotEquals": {"aws:PrincipalAccount": account},
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
    }
    return document(
        everything | {"Sid": "DenyPlainText", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        everything | {"Sid": "DenyOtherAccounts", "Condition": foreign},
    )


def _within(arn: object) -> object:
    """Return the ARN pattern of everything in a bucket; the ARN may be a Pulumi output."""
    apply = getattr(arn, "apply", None)
    return apply(lambda text: f"{text}/*") if apply else f"{arn}/*"


def topic(arn: object, account: str, principals: Sequence[str]) -> Document:
    """Return a topic's policy: AWS's services may publish to it, for this account.

    Args:
        arn: of the topic.
        account: its number.
        principals: such as `cloudwatch.amazonaws.com`.
    """
    allow = statement("PublishForTheAccount", ["sns:Publish"], [arn])
    return document(
        allow
        | {"Principal": {"Service": list(principals)}, "Condition": {"StringEquals": {"aws:SourceAccount": account}}}
    )


def image_lifecycle(*, releases: int, accepted: int, built: int, candidate_days: int) -> str:
    """Return, as JSON, which images ECR may remove.

    An image that a rule of higher priority matches can never be expired by a lower one (ECR's documentation),
    so the most valuable tags come first: a released image is kept although it is also an old candidate.

    Args:
        releases: how many images that production ran are kept.
        accepted: how many images that passed acceptance are kept.
        built: how many images that Pulumi pushed by content hash are kept.
        candidate_days: after how many days an image that never passed is removed.
    """
    rules = [
        _keep(1, images.RELEASED, releases),
        _keep(2, images.ACCEPTED, accepted),
        _keep(3, images.CONTENT, built),
        _expire(4, {"tagStatus": "tagged", "tagPrefixList": [images.CANDIDATE]}, candidate_days),
        _expire(5, {"tagStatus": "untagged"}, 1),
    ]
    return json.dumps({"rules": rules})


def _keep(priority: int, prefix: str, count: int) -> Document:
    selection = {"tagStatus": "tagged", "tagPrefixList": [prefix], "countType": "imageCountMoreThan"}
    return _rule(priority, f"Keep {count} of {prefix}*", selection | {"countNumber": count})


def _expire(priority: int, which: Document, days: int) -> Document:
    selection = which | {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": days}
    return _rule(priority, f"Remove the others after {days} days", selection)


def _rule(priority: int, description: str, selection: Document) -> Document:
    action = {"type": "expire"}
    return {"rulePriority": priority, "description": description, "selection": selection, "action": action}
