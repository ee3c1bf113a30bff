"""Names and the room AWS leaves for them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from contract.images import content_tag
from contract.names import MAX_NAME_LENGTH, pipeline_parameter, release_family, service_parameter, template_family
from infra.aws import names


def test_a_name_that_fills_the_budget_to_the_last_character_fits() -> None:
    """Twenty-four characters and Pulumi's eight make a target group's thirty-two."""
    assert names.length_problem("staging", "a" * 16) is None


def test_one_character_more_is_refused_with_the_arithmetic() -> None:
    """The message says the length, the limit and what Pulumi takes of it."""
    problem = names.length_problem("staging", "a" * 17)
    assert problem is not None
    assert "25 characters" in problem
    assert "32" in problem
    assert "8" in problem


@pytest.mark.parametrize("service", ["web", "a" * 16])
def test_every_name_made_from_a_service_differs(service: str) -> None:
    """The template family is never the release family."""
    assert template_family("staging", service) != release_family("staging", service)


def test_two_pushes_of_the_same_content_have_different_tags() -> None:
    """Immutable tags cannot be pushed twice, so the time is part of the tag."""
    first = content_tag("0123456789ab", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    second = content_tag("0123456789ab", datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC))
    assert first == "content-0123456789ab-20260102030405"
    assert first != second


@pytest.mark.parametrize("suffix", ["", ":password::", ":password:AWSCURRENT:"])
def test_a_role_is_given_the_secret_whatever_part_of_it_the_task_names(suffix: str) -> None:
    """IAM knows the secret's ARN only, without key, stage and version."""
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:token-AbCdEf"
    assert names.secret_resource(arn + suffix) == arn


def test_no_service_can_take_the_name_of_the_pipelines_parameter() -> None:
    """Services have a folder of their own."""
    assert pipeline_parameter("prod") == "/slipway/prod/pipeline"
    assert service_parameter("prod", "pipeline") != pipeline_parameter("prod")


def test_a_connections_name_fits_whatever_the_stack_is_called() -> None:
    """It has at most 32 characters, and a stack's name is short already for the sake of its services'."""
    longest = "a" * (MAX_NAME_LENGTH - len("-x"))
    assert names.length_problem(longest, "x") is None
    assert len(names.pipeline(longest)) <= 32


def test_a_report_group_is_called_as_codebuild_looks_for_it() -> None:
    """Project and kind, as its guide says; else it would make one that no destroy removes."""
    project = names.build_project("prod", "test")
    assert names.report_group(project, "unit") == "slipway-prod-test-unit"
