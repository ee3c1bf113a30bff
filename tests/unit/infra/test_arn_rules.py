"""ARNs in the stack file that name something of another region."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from infra.config import arn_rules
from infra.config.environment import Environment, LoadBalancer
from infra.config.pipeline import Pipeline

if TYPE_CHECKING:
    from infra.config.errors import Location
    from infra.config.stack import StackConfig

UNCHECKED = {"connection_arn"}
"""Left to AWS: it is not known here whether a pipeline takes a connection of another region."""


def configured(location: Location, arn: str) -> StackConfig:
    """Return a configuration of eu-central-1 that has only one key."""
    held: Any = arn
    for part in reversed(location):
        held = SimpleNamespace(**{str(part): held})
    held.region = "eu-central-1"
    return cast("StackConfig", held)


@pytest.mark.parametrize("location", arn_rules.REGIONAL, ids=lambda location: location[-1])
def test_an_arn_of_another_region_is_refused(location: Location) -> None:
    """One of the stack's own region is not."""
    (problem,) = arn_rules.check(configured(location, "arn:aws:any:us-east-1:000000000000:thing"))
    assert problem.location == location
    assert problem.text.endswith(", eu-central-1; name one of there")
    assert list(arn_rules.check(configured(location, "arn:aws:any:eu-central-1:000000000000:thing"))) == []


def test_each_key_that_takes_an_arn_has_the_rule() -> None:
    """A new one fails this test until it is decided."""
    keys = {
        name for model in (Pipeline, Environment, LoadBalancer) for name in model.model_fields if name.endswith("_arn")
    }
    assert keys - UNCHECKED == {location[-1] for location in arn_rules.REGIONAL}
