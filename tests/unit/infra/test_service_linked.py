"""A role that the account lacks is named with the command that creates it, before AWS fails half-way."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest
from botocore.exceptions import ClientError

from infra.live import service_linked
from infra.live.records import Standing
from infra.live.resources import Resources
from tests.unit.infra.test_changes import facts, load, stands

EVERY = ["AWSServiceRoleForECS", "AWSServiceRoleForElasticLoadBalancing", "AWSServiceRoleForRDS"]


class Iam:
    """IAM: `codes` are the error codes of GetRole by role; `asked` are the roles that were looked for."""

    def __init__(self, codes: dict[str, str]) -> None:
        """Start without a request."""
        self.codes, self.asked = codes, list[str]()

    def get_role(self, *, RoleName: str) -> None:  # noqa: N803 - as the API names it
        """Answer."""
        self.asked.append(RoleName)
        if code := self.codes.get(RoleName):
            raise ClientError({"Error": {"Code": code}}, "GetRole")


def check(codes: dict[str, str], *, up: dict[str, Any] | None = None, resources: Resources | None = None) -> list[str]:
    """Check an account for a stack with a database; returns the roles that were looked for."""
    iam = Iam(codes)
    service_linked.check({"iam": iam}.__getitem__, load(), Standing(up or {}), resources or Resources())
    return iam.asked


def test_a_first_up_looks_for_the_role_of_each_service() -> None:
    """And goes on where they are there."""
    assert check({}) == EVERY


def test_what_is_missing_is_refused_with_one_command_each() -> None:
    """AWS would begin to create it, and fail the request meanwhile."""
    with pytest.raises(pulumi.RunError) as refused:
        check({"AWSServiceRoleForECS": "NoSuchEntity", "AWSServiceRoleForRDS": "NoSuchEntity"})
    assert str(refused.value).splitlines() == [
        f"the account has no service-linked role {role}, and AWS fails the first request that needs it; "
        f"run: aws iam create-service-linked-role --aws-service-name {service}.amazonaws.com"
        for role, service in (("AWSServiceRoleForECS", "ecs"), ("AWSServiceRoleForRDS", "rds"))
    ]


def test_who_may_not_look_is_not_kept_from_anything() -> None:
    """A role for previews need not read roles."""
    assert check(dict.fromkeys(EVERY, "AccessDenied")) == EVERY


def test_of_a_stack_that_stands_nothing_is_asked() -> None:
    """What it has could not have been created otherwise."""
    assert check({}, up={"web": facts()}, resources=stands()) == []


def test_a_database_that_is_added_needs_its_role() -> None:
    """The services' are there."""
    assert check({}, up={"web": facts()}, resources=Resources()) == ["AWSServiceRoleForRDS"]
