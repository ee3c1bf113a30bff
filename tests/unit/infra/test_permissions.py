"""What the steps of a pipeline may do, and on which resources."""

from __future__ import annotations

import pytest

from infra.aws import permissions
from infra.aws.arns import Home

HOME = Home(partition="aws", region="eu-central-1", account="000000000000")
IN_REGION = "arn:aws:{}:eu-central-1:000000000000:{}"


def test_a_deployment_names_the_services_of_its_cluster_and_their_deployments() -> None:
    """AWS asks for both; no other cluster's can be touched, and no other family's revision made."""
    held = {one["Sid"]: one for one in permissions.deploy(HOME, "staging", ["web", "api"], ["arn:repository"])}
    assert held["RollOut"]["Resource"] == [
        IN_REGION.format("ecs", f"{kind}/slipway-staging/*") for kind in ("service", "service-deployment")
    ]
    assert held["RegisterReleases"]["Resource"] == [
        IN_REGION.format("ecs", f"task-definition/staging-{service}:*") for service in ("web", "api")
    ]


def test_a_deployment_registers_no_template() -> None:
    """The template is Pulumi's; a family whose name only begins alike is another one."""
    held = {one["Sid"]: one for one in permissions.deploy(HOME, "staging", ["web"], [])}
    assert "template" not in str(held["RegisterReleases"]["Resource"])


def test_tasks_are_listed_in_one_cluster_only() -> None:
    """The action takes no cluster as its resource, so a condition does it."""
    held = {one["Sid"]: one for one in permissions.deploy(HOME, "staging", ["web"], [])}
    assert held["ListTasks"]["Condition"] == {
        "ArnEquals": {"ecs:cluster": IN_REGION.format("ecs", "cluster/slipway-staging")}
    }


def test_the_roles_that_can_be_passed_on_are_those_of_tasks() -> None:
    """A path, since the rest of a role's name is random; IAM's ARNs have no region."""
    held = {one["Sid"]: one for one in permissions.deploy(HOME, "staging", ["web"], [])}
    assert held["PassTaskRoles"]["Resource"] == ["arn:aws:iam::000000000000:role/slipway/staging/tasks/*"]
    assert held["PassTaskRoles"]["Condition"]["StringEquals"] == {"iam:PassedToService": "ecs-tasks.amazonaws.com"}


@pytest.mark.parametrize("name", ["codeconnections", "codestar-connections"])
def test_a_connection_may_be_used_whichever_name_its_arn_has(name: str) -> None:
    """AWS has renamed the service, and matches the prefix of the action with that of the ARN."""
    statements = permissions.use_connection(f"arn:aws:{name}:eu-central-1:000000000000:connection/1", fetch=False)
    assert [(one["Action"], one["Resource"]) for one in statements] == [
        (
            [f"{prefix}:UseConnection"],
            [f"arn:aws:{prefix}:eu-central-1:000000000000:connection/1"],
        )
        for prefix in ("codeconnections", "codestar-connections")
    ]


def test_only_a_build_that_clones_gets_the_connections_token() -> None:
    """The pipeline hands its source over as an artifact."""
    arn = "arn:aws:codeconnections:eu-central-1:000000000000:connection/1"
    assert "Token" in str(permissions.use_connection(arn, fetch=True))
    assert "Token" not in str(permissions.use_connection(arn, fetch=False))


def test_artifacts_are_written_only_where_asked() -> None:
    """And only into a bucket of this account."""
    read = permissions.artifacts(HOME, "arn:bucket", "arn:bucket/*", write=False)
    assert "PutObject" not in str(read)
    assert "s3:PutObject" in str(permissions.artifacts(HOME, "arn:bucket", "arn:bucket/*", write=True))
    assert all(one["Condition"] == {"StringEquals": {"aws:ResourceAccount": "000000000000"}} for one in read)


def test_the_pipeline_itself_may_also_set_who_owns_an_artifact() -> None:
    """As AWS's own role for a pipeline; a source by a connection does so when it writes the artifact."""
    held = permissions.keep_artifacts(HOME, "arn:bucket", "arn:bucket/*")
    assert {action: one["Resource"] for one in held for action in one["Action"]} == {
        "s3:GetBucketVersioning": ["arn:bucket"],
        "s3:PutObjectAcl": ["arn:bucket/*"],
    }
    assert all(one["Condition"] == {"StringEquals": {"aws:ResourceAccount": "000000000000"}} for one in held)


def test_facts_are_read_of_one_environment() -> None:
    """By its path, with and without what is below it."""
    assert permissions.read_facts(HOME, "staging")["Resource"] == [
        IN_REGION.format("ssm", "parameter/slipway/staging"),
        IN_REGION.format("ssm", "parameter/slipway/staging/*"),
    ]


def test_another_partition_has_its_own_arns() -> None:
    """AWS in China, for one."""
    home = Home(partition="aws-cn", region="cn-north-1", account="000000000000")
    assert home.repository("slipway/web") == "arn:aws-cn:ecr:cn-north-1:000000000000:repository/slipway/web"
