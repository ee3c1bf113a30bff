"""The check of IAM statements against the service authorization reference finds each kind of mistake."""

from __future__ import annotations

from typing import Any

import pytest

from infra.aws.iam import Document, document, statement
from tests import authorization_reference

PREFIX = "arn:aws:ecs:eu-central-1:000000000000"
SERVICE, TASK = f"{PREFIX}:service/one/*", f"{PREFIX}:task/one/*"
UPDATE = "ecs:UpdateService"
REASON = {"ecs:ListTasks": "its resource is the container instance, which Fargate does not have"}


@pytest.mark.parametrize(
    ("actions", "resources", "condition", "fault"),
    [
        (["ecs:UpdateServices"], [SERVICE], None, "there is no action ecs:UpdateServices"),
        (["esc:UpdateService"], [SERVICE], None, "there is no action esc:UpdateService"),
        (["ecs:updateService"], [SERVICE], None, "there is no action ecs:updateService"),
        ([UPDATE], [TASK], None, f"{UPDATE} takes a resource of type service, and none is named"),
        ([UPDATE], [SERVICE, TASK], None, f"no action of it takes a resource such as {TASK}"),
        ([UPDATE, "ecs:DescribeTasks"], [SERVICE], None, "DescribeTasks takes a resource of type task, and none"),
        ([UPDATE], ["*"], None, f"{UPDATE} takes a resource (service) and names all without a reason"),
        (["ecs:DescribeTaskDefinition"], [TASK], None, "takes no resource: its Resource is * alone"),
        (["ssm:PutParameter"], ["arn:aws:ssm:*:*:document/x"], None, "takes a resource of type parameter, and none"),
        (["s3:GetObject"], ["arn:aws:s3:::one"], None, "no action of it takes a resource such as arn:aws:s3:::one"),
        (["s3:ListBucket"], ["arn:aws:s3:::one/*"], None, "no action of it takes a resource such as"),
        ([UPDATE], [SERVICE], {"StringEquals": {"iam:PassedToService": "x"}}, f"{UPDATE} does not know"),
        ([UPDATE], [SERVICE], {"StringEquals": {"aws:SourceAccount": "1"}}, "the condition key aws:sourceaccount"),
    ],
)
def test_a_mistake_in_a_statement_is_named(
    actions: list[str], resources: list[str], condition: Document | None, fault: str
) -> None:
    """With the Sid, the action or resource, and the rule."""
    found = authorization_reference.faults(document(statement("One", actions, resources, condition)), REASON)
    assert [line for line in found if line.startswith("One: ") and fault in line], found


@pytest.mark.parametrize(
    "one",
    [
        statement("One", [UPDATE], [SERVICE], {"ArnEquals": {"ecs:cluster": f"{PREFIX}:cluster/one"}}),
        statement("One", ["ecs:ListTasks"], ["*"]),
        statement("One", ["ecs:DescribeTaskDefinition", "ecr:GetAuthorizationToken"], ["*"]),
        statement("One", ["s3:GetObject"], ["arn:aws:s3:::one/*"], {"StringEquals": {"aws:ResourceAccount": "1"}}),
        statement("One", ["logs:PutLogEvents"], ["arn:aws:logs:eu-central-1:000000000000:log-group:one/two:*"]),
    ],
)
def test_a_statement_that_aws_applies_is_accepted(one: Document) -> None:
    """Patterns stand for any ARN of their kind."""
    assert authorization_reference.faults(document(one), REASON) == []


@pytest.mark.parametrize(("principal", "good"), [({"Service": "codebuild.amazonaws.com"}, True), ({"AWS": "1"}, False)])
def test_only_a_service_says_for_which_account_it_acts(principal: dict[str, Any], good: bool) -> None:  # noqa: FBT001
    """`aws:SourceAccount` in a statement for anyone else is never met."""
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    trust = document(allow | {"Condition": {"StringEquals": {"aws:SourceAccount": "1"}}})
    assert (authorization_reference.faults(trust, {}) == []) is good
