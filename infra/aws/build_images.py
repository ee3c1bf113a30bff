"""Build images that are private in Amazon ECR. Pure functions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.aws.arns import Home

LOOKS_PRIVATE = re.compile(r"[^\s]*\.dkr[.-]ecr\.")
# Amazon ECR User Guide, "Private registries": the IPv4 and the dual-stack name of a registry.
PRIVATE = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr\.(?P<region>[a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)"
    r"/(?P<repository>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?"
)


def repository_arn(image: str | None, home: Home) -> str | None:
    """Return the ARN of an image's ECR repository, which may be of another account; None if it is not private in ECR.

    Args:
        image: an image's URI.
        home: whose partition the repository is in.
    """
    found = PRIVATE.fullmatch(image or "")
    if found is None:
        return None
    return f"arn:{home.partition}:ecr:{found['region']}:{found['account']}:repository/{found['repository']}"
