"""Names and the room AWS leaves for them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from infra import naming


def test_a_name_that_fills_the_budget_to_the_last_character_fits() -> None:
    """Twenty-four characters and Pulumi's eight make a target group's thirty-two."""
    assert naming.over_budget("staging", "a" * 16) is None


def test_one_character_more_is_refused_with_the_arithmetic() -> None:
    """The message says the length, the limit and what Pulumi takes of it."""
    problem = naming.over_budget("staging", "a" * 17)
    assert problem is not None
    assert "25 characters" in problem
    assert "32" in problem
    assert "8" in problem


@pytest.mark.parametrize("service", ["web", "a" * 16])
def test_every_name_made_from_a_service_differs(service: str) -> None:
    """The template family is never the release family."""
    assert naming.template_family("staging", service) != naming.release_family("staging", service)


def test_two_pushes_of_the_same_content_have_different_tags() -> None:
    """Immutable tags cannot be pushed twice, so the time is part of the tag."""
    first = naming.image_tag("0123456789ab", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    second = naming.image_tag("0123456789ab", datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC))
    assert first == "content-0123456789ab-20260102030405"
    assert first != second


@pytest.mark.parametrize("suffix", ["", ":password::", ":password:AWSCURRENT:"])
def test_a_role_is_given_the_secret_whatever_part_of_it_the_task_names(suffix: str) -> None:
    """IAM knows the secret's ARN only, without key, stage and version."""
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:token-AbCdEf"
    assert naming.secret_resource(arn + suffix) == arn
