"""Resource policies of S3 buckets and SNS topics, and ECR lifecycle policies. Pure functions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from contract import images
from infra.aws.iam import Document, document, statement

if TYPE_CHECKING:
    from infra.aws.arns import Home

ALL = 9999
"""Images that a lifecycle rule keeps where it has to keep all: more than a repository's stacks ever run."""


def private_bucket(arn: object, account: str) -> Document:
    """Return a bucket policy that denies requests without TLS and principals of other accounts.

    Args:
        arn: of the bucket; may be a Pulumi output.
        account: ID of the account that may use it.
    """
    deny_all = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, _objects(arn)]}
    # A service principal belongs to no account.
    other_accounts = {
        "StringNotEquals": {"aws:PrincipalAccount": account},
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
    }
    return document(
        deny_all | {"Sid": "DenyPlainText", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        deny_all | {"Sid": "DenyOtherAccounts", "Condition": other_accounts},
    )


def access_logs(arn: object, home: Home) -> Document:
    """Return the policy of a private bucket that load balancers of its account and region deliver access logs to.

    The statement is that of the Elastic Load Balancing guides, "Enable access logs": for every region, with the account
    in the path. `IfExists` allows requests without a source ARN, and still rejects those of other accounts' load
    balancers: with a plain condition a bucket has been refused ("Access Denied for bucket").

    Args:
        arn: of the bucket; may be a Pulumi output.
        home: the account and region.
    """
    condition = {"ArnLikeIfExists": {"aws:SourceArn": home.arn("elasticloadbalancing", "loadbalancer/*")}}
    allow = statement("DeliverLogs", ["s3:PutObject"], [_objects(arn, f"AWSLogs/{home.account}/")], condition)
    private = private_bucket(arn, home.account)
    return document(
        *private["Statement"], allow | {"Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}}
    )


def _objects(arn: object, prefix: str = "") -> object:
    """Return the ARN pattern of the objects in a bucket; the ARN may be a Pulumi output."""
    apply = getattr(arn, "apply", None)
    return apply(lambda text: f"{text}/{prefix}*") if apply else f"{arn}/{prefix}*"


def topic(arn: object, account: str) -> Document:
    """Return a topic policy that lets CloudWatch alarms and CodeStar Notifications publish for this account.

    AWS documents the statement for CodeStar Notifications twice (Developer Tools console guide): without a condition
    in "Configure Amazon SNS topics for notifications", and with `aws:SourceAccount` in "Troubleshooting", "I am not
    receiving Amazon SNS notifications". `IfExists` takes requests without the key, and none that names another account.

    Args:
        arn: of the topic; may be a Pulumi output.
        account: ID of the account.
    """
    return document(
        _publish("PublishAlarms", arn, "cloudwatch.amazonaws.com", "StringEquals", account),
        _publish("PublishNotifications", arn, "codestar-notifications.amazonaws.com", "StringEqualsIfExists", account),
    )


def _publish(purpose: str, arn: object, principal: str, operator: str, account: str) -> Document:
    allow = statement(purpose, ["sns:Publish"], [arn], {operator: {"aws:SourceAccount": account}})
    return allow | {"Principal": {"Service": principal}}


def image_lifecycle(*, releases: int, accepted: int, built: int, candidate_days: int) -> str:
    """Return, as JSON, the lifecycle policy of an ECR repository.

    An image that matches a rule of higher priority is never expired by one of lower priority (ECR user guide,
    "Lifecycle policies"), so the most valuable tags come first: an image that runs is kept whatever it is besides,
    a released one although it is an old candidate too.

    Args:
        releases: number of images kept that were released to production.
        accepted: number of images kept that passed acceptance.
        built: number of images kept that Pulumi pushed.
        candidate_days: days after which an image that did not pass acceptance expires.
    """
    rules = [
        _keep(1, images.IN_USE, ALL),
        _keep(2, images.RELEASED, releases),
        _keep(3, images.ACCEPTED, accepted),
        _keep(4, images.CONTENT, built),
        _expire(5, {"tagStatus": "tagged", "tagPrefixList": [images.CANDIDATE]}, candidate_days),
        _expire(6, {"tagStatus": "untagged"}, 1),
    ]
    return json.dumps({"rules": rules})


def _keep(priority: int, prefix: str, count: int) -> Document:
    selection = {"tagStatus": "tagged", "tagPrefixList": [prefix], "countType": "imageCountMoreThan"}
    return _rule(priority, f"Keep {count} of {prefix}*", selection | {"countNumber": count})


def _expire(priority: int, tags: Document, days: int) -> Document:
    selection = tags | {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": days}
    return _rule(priority, f"Remove the others after {days} days", selection)


def _rule(priority: int, description: str, selection: Document) -> Document:
    action = {"type": "expire"}
    return {"rulePriority": priority, "description": description, "selection": selection, "action": action}
