"""Links to the AWS console."""

from __future__ import annotations

import pytest

from contract import console
from infra.aws.arns import Home
from infra.config import region


@pytest.mark.parametrize(
    ("place", "host"),
    [
        ("eu-central-1", "eu-central-1.console.aws.amazon.com"),
        ("us-east-1", "us-east-1.console.aws.amazon.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_a_link_leads_to_the_console_of_the_regions_partition(place: str, host: str) -> None:
    """Another partition's console knows nothing of the account; what `infra` links to is the same."""
    assert console.url(place, "codesuite/home") == f"https://{host}/codesuite/home"
    home = Home(partition="aws", region=place, account="123456789012")
    assert home.console("codesuite/home") == f"https://{host}/codesuite/home"


def test_every_region_of_china_and_govcloud_has_its_own_console() -> None:
    """By the regions that botocore knows."""
    others = {place for place in region.aws_regions() if not console.url(place, "").endswith(".aws.amazon.com/")}
    assert others == {place for place in region.aws_regions() if place.startswith(("cn-", "us-gov-"))} != set()
