"""The region, which the AWS provider reads by itself: checked before it does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from botocore.loaders import Loader

from infra.config.errors import Mistake, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

REGION = "aws:region"


def check(config: Mapping[str, str], secret_keys: Sequence[str]) -> Iterator[Mistake]:
    """Yield what is wrong with the stack's region.

    Args:
        config: key to value.
        secret_keys: keys that hold a secret.
    """
    given = config.get(REGION)
    remedy = f"run: pulumi config set {REGION} eu-central-1, or another"
    if REGION in secret_keys:
        yield Mistake((REGION,), f"holds a secret; a region is none and names are made of it; {remedy}")
    elif given is None:
        yield Mistake((REGION,), f"is missing; a stack lives in one region, whatever a person's settings say; {remedy}")
    elif given not in (regions := known()):
        rule = f"botocore knows no such region; {nearest(given, regions)}correct it (a new one: update boto3)"
        yield Mistake.value((REGION,), given, rule)


def known() -> list[str]:
    """Return the regions of all of AWS's partitions, from botocore's data."""
    partitions = Loader().load_data("partitions")["partitions"]
    return sorted(name for one in partitions for name in one["regions"] if re.search(r"-\d+$", name))
