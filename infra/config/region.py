"""The rule for `aws:region`, checked before the AWS provider reads it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from botocore.loaders import Loader

from infra.config.errors import Problem, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

REGION = "aws:region"


def check(config: Mapping[str, str], secret_keys: Sequence[str]) -> Iterator[Problem]:
    """Yield the problem of the stack's region, if it has one.

    Args:
        config: values by key.
        secret_keys: keys whose values are stored encrypted.
    """
    value = config.get(REGION)
    remedy = f"run: pulumi config set {REGION} eu-central-1, or another"
    if REGION in secret_keys:
        yield Problem((REGION,), f"is a secret; it must be plain text, as part of ARNs; {remedy}")
    elif value is None:
        yield Problem((REGION,), f"is missing; a stack's region must not depend on AWS_REGION or a profile; {remedy}")
    elif value not in (regions := aws_regions()):
        rule = f"botocore knows no such region; {suggestion(value, regions)}correct it, or update boto3 if it is new"
        yield Problem.invalid((REGION,), value, rule)


def aws_regions() -> list[str]:
    """Return the regions of all AWS partitions, from botocore's data; pseudo-regions are left out."""
    partitions = Loader().load_data("partitions")["partitions"]
    return sorted(name for partition in partitions for name in partition["regions"] if re.search(r"-\d+$", name))
