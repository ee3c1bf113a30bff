"""Every IAM statement that the program declares, against AWS's service authorization reference."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests import authorization_reference
from tests.fake_engine import ACCOUNT, REGION
from tests.stack.golden import declared
from tests.stack.variants import BASES, VARIANTS

if TYPE_CHECKING:
    from collections.abc import Iterator

# Actions that take a resource and name all, each with the reason.
NAME_ALL = {
    "codestar-connections:ListConnections": "it lists all, and the ARN of the one in question is not known",
    "logs:DescribeLogGroups": "it lists all; AWS asks for it of every role for flow logs",
    "ecs:ListTasks": "its resource is the container instance, which Fargate does not have",
}
WITH_A_POLICY = re.compile(r"aws:(iam/role:Role|iam/rolePolicy:RolePolicy|s3/bucketPolicy:.*|sns/topicPolicy:.*) ")
MADE = re.compile(rf"arn:aws:test:{REGION}:{ACCOUNT}:aws:([\w/]+):\w+/")
# What tests/fake_engine.py calls by the resource's type, as AWS does (service authorization reference, ARN formats).
ARNS = {
    "cloudwatch/logGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:",
    "codebuild/reportGroup": f"arn:aws:codebuild:{REGION}:{ACCOUNT}:report-group/",
    "ecr/repository": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/",
    "lb/listenerRule": f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:listener-rule/app/balancer/1/1/",
    "lb/targetGroup": f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/1/",
    "s3/bucket": "arn:aws:s3:::",
    "sns/topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:",
}


def policies(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - any JSON value
    """Yield each policy document in what is declared, wherever it stands, with the ARNs of AWS."""
    if isinstance(value, dict) and "Statement" in value:
        yield json.loads(MADE.sub(lambda found: ARNS[found[1]], json.dumps(value)))
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from policies(part)


@pytest.mark.parametrize("name", [*BASES, *VARIANTS])
def test_every_statement_agrees_with_the_service_authorization_reference(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its actions exist, and take that kind of resource and those condition keys: else AWS never applies it."""
    resources = declared(*(BASES | VARIANTS)[name].run(monkeypatch))["resources"]
    found = list(policies(resources))
    assert len(found) == len([key for key in resources if WITH_A_POLICY.search(key)])
    assert [fault for policy in found for fault in authorization_reference.faults(policy, NAME_ALL)] == []
