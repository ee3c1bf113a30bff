"""The statements in docs/iam: within IAM's limits, each needed, and none missing for what the local cloud has seen."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from infra.aws import names, preview_permissions
from infra.aws.arns import Home
from infra.aws.iam import document
from infra.previews.access import ISSUER
from localcloud.iam.conditions import pattern
from localcloud.iam.policies import Rights, decide
from tests import authorization_reference, iam_files

INLINE_LIMIT = 10_240
"""Characters of all inline policies of a role, without white space (IAM quotas)."""
NETWORK = "EC2 chooses the IDs of what is in a network, so its ARNs hold no name of ours"
# Actions that take a resource and name all, each with the reason.
NAME_ALL = {
    "codestar-connections:ListConnections": "it lists all, and the ARN of the one in question is not known",
    **{action: NETWORK for one in iam_files.statements("up") for action in one["Action"] if action.startswith("ec2:")},
}
# Actions of which the local cloud has seen no request, by the reason that they are needed on AWS.
UNSEEN = {
    "AWS makes a service's role when the service is first used (IAM guide, Service-linked roles)": {
        "iam:CreateServiceLinkedRole",
    },
    "the provider deletes the network interfaces that a load balancer leaves (aws_lb, cleanupALBNetworkInterfaces)": {
        "ec2:DeleteNetworkInterface",
        "ec2:DetachNetworkInterface",
    },
    "RDS takes the final snapshot, and the program that of `slipway:allow`, with the caller's rights (RDS guide)": {
        "rds:CreateDBSnapshot",
        "rds:DescribeDBSnapshots",
    },
    "`database.restore_from` creates the instance from a snapshot (RDS guide)": {"rds:RestoreDBInstanceFromDBSnapshot"},
    "RDS looks at the account's network with the caller's rights (CloudFormation's schema of AWS::RDS::DBInstance)": {
        "ec2:DescribeAccountAttributes",
    },
    "another number of zones or NAT gateways changes routes and subnet groups in place (the provider)": {
        "ec2:DeleteRoute",
        "ec2:ReplaceRoute",
        "ec2:ReplaceRouteTableAssociation",
        "rds:ModifyDBSubnetGroup",
    },
    "listener rules are reordered, subnets and security groups set in place (infra/live/routing.py, aws_lb)": {
        "elasticloadbalancing:Set*",
    },
    "`connection_arn` may have the former prefix, which action and ARN share (ADR 0006)": {
        "codestar-connections:GetConnection",
        "codestar-connections:PassConnection",
    },
    "a pipeline is changed only while no execution is in progress (infra/pipeline/executions_in_progress.py)": {
        "codepipeline:ListPipelineExecutions",
    },
    "tags are taken away from a connection and a scalable target, which no test does": {
        "application-autoscaling:UntagResource",
        "codeconnections:UntagResource",
    },
    "`delivery doctor` reads the quotas of builds and tasks": {"servicequotas:GetServiceQuota"},
}
# Those of the role for previews: the look-up of `connection_arn`, with either prefix.
UNSEEN_IN_PREVIEWS = {
    f"{prefix}:{action}"
    for prefix in ("codeconnections", "codestar-connections")
    for action in ("GetConnection", "ListTagsForResource")
}
BEYOND = {"up": {action for actions in UNSEEN.values() for action in actions}, "preview": UNSEEN_IN_PREVIEWS}


def allowed(statements: list[dict[str, Any]], line: str) -> bool:
    """Tell whether statements allow a recorded request, as the local cloud decides."""
    return not decide(Rights(identity=tuple(statements)), iam_files.asked(line), {})


def in_policy(file: str) -> set[str]:
    """Return the actions of a file."""
    return {action for one in iam_files.statements(file) for action in one["Action"]}


@pytest.mark.parametrize("file", iam_files.FILES)
def test_a_file_agrees_with_the_service_authorization_reference(file: str) -> None:
    """As the statements of the program's roles do (tests/stack/test_service_authorization.py)."""
    assert authorization_reference.faults(document(*iam_files.statements(file)), NAME_ALL) == []


@pytest.mark.parametrize("file", iam_files.FILES)
def test_a_file_fits_into_the_inline_policy_of_a_role(file: str) -> None:
    """So that it is attached as it is."""
    text = (iam_files.FOLDER / f"{file}.json").read_text("utf-8")
    assert len(re.sub(r"\s", "", text)) <= INLINE_LIMIT
    assert text == json.dumps(json.loads(text), indent=2) + "\n"


@pytest.mark.parametrize("file", iam_files.FILES)
def test_a_file_allows_every_recorded_request(file: str) -> None:
    """Each was made by Pulumi on the local cloud, with exactly these statements."""
    statements = iam_files.statements(file)
    assert [line for line in iam_files.recorded(file) if not allowed(statements, line)] == []


@pytest.mark.parametrize("file", iam_files.FILES)
def test_without_any_one_statement_a_request_would_be_refused(file: str) -> None:
    """Or it has only actions that AWS alone asks for."""
    by = {
        one["Sid"]: [line for line in iam_files.recorded(file) if allowed([one], line)]
        for one in iam_files.statements(file)
    }
    for one in iam_files.statements(file):
        others = {line for sid, lines in by.items() if sid != one["Sid"] for line in lines}
        assert set(by[one["Sid"]]) - others or set(one["Action"]) <= BEYOND[file], one["Sid"]


@pytest.mark.parametrize("file", iam_files.FILES)
def test_every_action_was_asked_for_or_has_its_reason(file: str) -> None:
    """A pattern such as `s3:GetBucket*` has at least one action that was."""
    asked = {line.split(" ")[0] for line in iam_files.recorded(file)}
    unseen = {one for one in in_policy(file) if not any(pattern(one).fullmatch(action) for action in asked)}
    assert sorted(unseen - BEYOND[file]) == []
    assert file == "preview" or sorted(BEYOND[file] - unseen) == []


def test_the_file_for_previews_has_what_the_role_for_previews_has() -> None:
    """Of `slipway:previews`, for every repository, account and region; rewrite it where the program's changes."""
    home = Home(partition="aws", region="*", account="*")
    provider = home.arn("iam", f"oidc-provider/{ISSUER}", regional=False)
    made = preview_permissions.look_up(home, [home.repository(names.repository("*"))], provider)
    assert iam_files.statements("preview") == made


def test_roles_and_service_linked_roles_are_bounded_by_service() -> None:
    """Neither may be passed to, or made for, a service that the stacks do not use."""
    conditions = {one["Sid"]: one.get("Condition", {}) for one in iam_files.statements("up")}
    passed = {f"{name}.amazonaws.com" for name in ("codebuild", "codepipeline", "ecs", "ecs-tasks", "vpc-flow-logs")}
    assert set(conditions["PassRoles"]["StringEquals"]["iam:PassedToService"]) == passed
    assert conditions["CreateServiceLinkedRoles"]["StringEquals"].keys() == {"iam:AWSServiceName"}
