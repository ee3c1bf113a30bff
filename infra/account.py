"""Lookup of the account and region of the default AWS provider."""

from __future__ import annotations

import pulumi_aws as aws

from infra.aws.arns import Home


def home() -> Home:
    """Return the partition, region and account of the default provider."""
    return Home(
        partition=aws.get_partition().partition,
        region=aws.get_region().region,
        account=aws.get_caller_identity().account_id,
    )
