"""No role of any variant has a wildcard permission, except for tables with reasons."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest

from tests.stack import program

if TYPE_CHECKING:
    from tests.fake_engine import FakeEngine

SECRETS = {"slipway:webhook_secret": "hush", "github:token": "whisper"}
# Statements that may name every resource, each with AWS's reason (service authorization reference).
MAY_NAME_ALL = {
    "LogInToRegistry": "ecr:GetAuthorizationToken has no resource type: the token is the registry's",
    "ListTasks": "ecs:ListTasks takes a container instance, which Fargate does not have; a condition names the cluster",
    "ReadTaskDefinitions": "ecs:DescribeTaskDefinition and ecs:ListTaskDefinitions have no resource type",
    "ReadTargetHealth": "elasticloadbalancing:DescribeTargetHealth has no resource type",
    "ReadListenerRules": "elasticloadbalancing:DescribeRules has no resource type",
    "ReadLoadBalancers": "what is described by these actions has no resource type",
    "FindLogGroups": "logs:DescribeLogGroups lists all; AWS asks for it of every role for flow logs",
    "LookUp": "what is listed or described by these actions has no resource type",
}
# Statements whose resource ends in a star after a name of ours.
MAY_NAME_WHAT_IS_WITHIN = {
    "WriteLogs": "streams of one log group",
    "ReadFacts": "parameters of one environment",
    "ReadArtifacts": "objects of the pipeline's bucket",
    "WriteArtifacts": "objects of the pipeline's bucket",
    "OwnArtifacts": "objects of the pipeline's bucket",
    "RollOut": "deployments of the environment's services",
    "FollowRollout": "deployments of the environment's services",
    "SeeTasks": "tasks of one cluster",
    "RegisterReleases": "revisions of the services' release families",
    "PassTaskRoles": "roles of one environment's tasks, by their path",
    "ReadState": "objects of the state's bucket",
}
# Statements on all of a kind in the account, whose ARNs hold no name of ours.
MAY_NAME_A_KIND = {"SeeConnections": "a connection's ARN ends in a random id; previews find it by its name"}


def production(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Return production as committed."""
    return program.run_prod(monkeypatch, program.stack_file("prod"))[0]


def production_for_two_platforms(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Return production whose images are for two platforms."""
    config = program.stack_file("prod")
    config["slipway:pipeline"]["platforms"] = ["linux/amd64", "linux/arm64"]
    return program.run_prod(monkeypatch, config)[0]


def production_by_webhook(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Return production without a connection."""
    config = program.stack_file("prod")
    config["slipway:pipeline"]["trigger"] = "webhook"
    return program.run_prod(monkeypatch, config, secrets=SECRETS)[0]


def staging(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Return staging as committed."""
    return program.run(monkeypatch, program.stack_file("staging"))[0]


def staging_alone(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Return staging with a pipeline of its own."""
    pipeline = {"repository": "slipway-example/slipway"}
    config = program.stack_file("staging") | {"slipway:pipeline": pipeline, "github:owner": "slipway-example"}
    return program.run(monkeypatch, config, engine=program.account())[0]


def staging_with_previews(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Return staging with a role for previews."""
    return program.run(monkeypatch, program.with_previews("staging"), engine=program.account())[0]


def granted(engine: FakeEngine) -> list[dict[str, Any]]:
    """Return every statement of every role, and check that there is no other kind of policy."""
    assert not engine.of("iam/rolePolicyAttachment:RolePolicyAttachment")
    assert not engine.of("iam/policy:Policy")
    assert not [one for one in engine.of("iam/role:Role") if {"managedPolicyArns", "inlinePolicies"} & set(one.inputs)]
    policies = [json.loads(one.inputs["policy"]) for one in engine.of("RolePolicy")]
    statements = [statement for policy in policies for statement in policy["Statement"]]
    assert statements
    return statements


@pytest.mark.parametrize(
    "variant", [production, production_by_webhook, production_for_two_platforms, staging, staging_alone]
)
def test_no_permission_has_a_wildcard_without_a_reason(variant: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    """In no action, and in resources only as the tables allow."""
    for statement in granted(variant(monkeypatch)):
        assert statement["Effect"] == "Allow"
        assert not [action for action in statement["Action"] if "*" in action], statement
        for resource in statement["Resource"]:
            if resource == "*":
                assert statement["Sid"] in MAY_NAME_ALL, statement
            elif "*" in resource and statement["Sid"] in MAY_NAME_A_KIND:
                assert resource.endswith(":connection/*"), statement
            elif "*" in resource:
                assert statement["Sid"] in MAY_NAME_WHAT_IS_WITHIN, statement
                assert resource.index("*") == len(resource) - 1, statement
                assert "slipway" in resource or "web" in resource or "prod" in resource or "staging" in resource


@pytest.mark.parametrize("variant", [production, production_by_webhook, staging_alone, staging_with_previews])
def test_no_permission_reaches_the_resources_of_another_project(variant: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    """A project `shop` with stacks and services of the same names in the same account."""
    statements = granted(variant(monkeypatch))
    ours = {resource for one in statements if one["Sid"] not in MAY_NAME_A_KIND for resource in one["Resource"]} - {"*"}
    named = {one for one in ours if "slipway" in one or "task-definition/" in one}
    theirs = {
        one.replace("slipway", "shop").replace("task-definition/", "task-definition/shop-").replace("*", "any")
        for one in named
    }
    assert len(named) > 1
    assert not [(their, our) for their in theirs for our in ours if fnmatchcase(their, our)]


@pytest.mark.parametrize("variant", [production, production_by_webhook, production_for_two_platforms, staging_alone])
def test_only_the_build_may_push_and_only_promotion_and_smoke_may_tag(
    variant: Any,  # noqa: ANN401
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither the tests of a change nor a deployment can put an image where releases come from."""
    engine = variant(monkeypatch)
    may = {
        one.name.split("-", 1)[1]
        for one in engine.of("RolePolicy")
        if '"ecr:PutImage"' in one.inputs["policy"] or '"ecr:InitiateLayerUpload"' in one.inputs["policy"]
    }
    assert may <= {"build", "build-arm64", "index", "staging-promote", "production-smoke"}
    assert {"build", "staging-promote"} <= may


@pytest.mark.parametrize("variant", [production, production_by_webhook, staging_alone])
def test_the_tests_of_a_change_can_deploy_nothing(variant: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    """They run code of anyone who can push a branch."""
    engine = variant(monkeypatch)
    (checks,) = [one for one in engine.of("RolePolicy") if one.name.endswith("-checks")]
    for word in ("ecs:", "ecr:", "iam:", "s3:", "codepipeline:", "StartBuild", "secretsmanager:"):
        assert word not in checks.inputs["policy"], word
