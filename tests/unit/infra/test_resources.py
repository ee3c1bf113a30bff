"""What stands is read from AWS in one place, of the right stack, and never guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pulumi
import pytest
from botocore.stub import Stubber

from infra.live import resources
from infra.live.resources import Database, Resources, Running

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "arn:aws:elasticloadbalancing:eu-central-1:000000000000"
GROUP, BALANCER, LISTENER = f"{ACCOUNT}:targetgroup/web/1", f"{ACCOUNT}:loadbalancer/app/b/1", f"{ACCOUNT}:listener/1"
RELEASE = "arn:aws:ecs:eu-central-1:000000000000:task-definition/staging-web:4"

SERVICE = {
    "serviceName": "staging-web",
    "status": "ACTIVE",
    "taskDefinition": RELEASE,
    "loadBalancers": [{"targetGroupArn": GROUP, "containerName": "web", "containerPort": 8080}],
    "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
}


class Account:
    """An account whose answers are checked against botocore's models."""

    def __init__(self) -> None:
        """Start without any answer."""
        self._clients: dict[str, Any] = {}
        self.stubs: dict[str, Stubber] = {}

    def __call__(self, service: str) -> Any:  # noqa: ANN401 - a boto3 client
        """Return a client that answers what it was told to, in order."""
        if service not in self._clients:
            client = boto3.client(service, "eu-central-1", aws_access_key_id="test", aws_secret_access_key="test")
            self._clients[service], self.stubs[service] = client, Stubber(client)
            self.stubs[service].activate()
        return self._clients[service]

    def answer(self, service: str, operation: str, answer: dict[str, Any]) -> None:
        """Add an answer."""
        self(service)
        self.stubs[service].add_response(operation, answer)


def rule(name: str, priority: str, **condition: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a rule that forwards to the service's target group."""
    return {
        "RuleArn": name,
        "Priority": priority,
        "IsDefault": priority == "default",
        "Conditions": [condition] if condition else [],
        "Actions": [{"Type": "forward", "TargetGroupArn": GROUP}],
    }


def instance(identifier: str, vpc: str, status: str = "available") -> dict[str, Any]:
    """Return a database of AWS's answer."""
    return {
        "DBInstanceIdentifier": identifier,
        "DBInstanceStatus": status,
        "DBName": "app",
        "MasterUsername": "owner",
        "EngineVersion": "15.12",
        "AllocatedStorage": 20,
        "DeletionProtection": True,
        "DBSubnetGroup": {"VpcId": vpc},
    }


@pytest.fixture
def account() -> Iterator[Account]:
    """An account with one service of this stack, and databases of others."""
    found = Account()
    found.answer(
        "elbv2",
        "describe_target_groups",
        {
            "TargetGroups": [
                {
                    "TargetGroupArn": GROUP,
                    "LoadBalancerArns": [BALANCER],
                    "VpcId": "vpc-1",
                    "HealthCheckPath": "/ready",
                    "Matcher": {"HttpCode": "200-299"},
                }
            ]
        },
    )
    found.answer("elbv2", "describe_listeners", {"Listeners": [{"ListenerArn": LISTENER}]})
    rules = [
        rule("attachment", "50000", Field="source-ip", SourceIpConfig={"Values": ["192.0.2.0/32"]}),
        rule("route", "100", Field="path-pattern", PathPatternConfig={"Values": ["/*"]}),
        rule("default", "default"),
    ]
    found.answer("elbv2", "describe_rules", {"Rules": rules})
    found.answer("ec2", "describe_vpcs", {"Vpcs": [{"CidrBlock": "10.10.0.0/16"}]})
    subnets = [
        {"AvailabilityZone": f"eu-central-1{zone}", "Tags": [{"Key": "Name", "Value": name}]}
        for name, zone in (
            ("staging-public-1", "a"), ("staging-database-0", "b"), ("staging-public-0", "c"),
            ("staging-public-3", "b"),
        )
    ]  # fmt: skip
    found.answer("ec2", "describe_subnets", {"Subnets": [*subnets, {"AvailabilityZone": "eu-central-1b"}]})
    databases = [
        instance("prod-1a2b3c4", "vpc-2"),
        instance("staging-old", "vpc-2"),
        instance("staging-replica", "vpc-1"),
        instance("staging-0a0a0a0", "vpc-1", "deleting"),
        instance("staging-5d6e7f8", "vpc-1"),
    ]
    found.answer("rds", "describe_db_instances", {"DBInstances": databases})
    found.answer("ecs", "describe_services", {"services": [SERVICE]})
    container = {"name": "web", "environment": [{"name": "DATABASE_HOST", "value": "db"}]}
    found.answer("ecs", "describe_task_definition", {"taskDefinition": {"containerDefinitions": [container]}})
    yield found
    for stub in found.stubs.values():
        stub.assert_no_pending_responses()


def test_what_stands_is_found_by_the_target_group_of_the_service(account: Account) -> None:
    """It leads to load balancer, VPC and database, so that another stack's are not mistaken for them."""
    assert resources.read(account, "staging", ["web"]) == Resources(
        cidr="10.10.0.0/16",
        zones=("eu-central-1c", "eu-central-1a"),
        database=Database(
            identifier="staging-5d6e7f8",
            name="app",
            user="owner",
            engine_version="15.12",
            storage=20,
            deletion_protection=True,
        ),
        services={
            "web": Running(
                health_path="/ready",
                health_status="200-299",
                uses_database=True,
                providers=frozenset({"FARGATE_SPOT"}),
                rule="route",
                port=8080,
                serving=frozenset({GROUP}),
            ),
        },
        priorities={"attachment": 50000, "route": 100},
    )


def test_of_a_new_stack_nothing_is_asked() -> None:
    """Neither in its first preview nor in its first `up`."""
    assert resources.read(Account(), "staging", []) == Resources()


@pytest.mark.parametrize("preview", [True, False])
def test_what_cannot_be_read_ends_an_up_but_not_a_preview(monkeypatch: pytest.MonkeyPatch, *, preview: bool) -> None:
    """A role for previews may be older than the permissions that this needs."""
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: preview)
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    denied = Account()
    denied("ecs")
    denied.stubs["ecs"].add_client_error("describe_services", "AccessDenied")
    if preview:
        assert resources.read(denied, "staging", ["web"]) is None
        assert "changes are not checked" in warnings[0]
    else:
        with pytest.raises(pulumi.RunError, match="the resources of stack staging cannot be read"):
            resources.read(denied, "staging", ["web"])


def test_a_target_group_that_somebody_deleted_is_no_obstacle() -> None:
    """Pulumi makes it again."""
    gone = Account()
    gone.answer("ecs", "describe_services", {"services": [SERVICE]})
    gone("elbv2")
    gone.stubs["elbv2"].add_client_error("describe_target_groups", "TargetGroupNotFound")
    gone.answer("rds", "describe_db_instances", {"DBInstances": []})
    gone.answer("ecs", "describe_task_definition", {"taskDefinition": {"containerDefinitions": []}})
    running = Running(
        health_path=None,
        health_status=None,
        uses_database=False,
        providers=frozenset({"FARGATE_SPOT"}),
        rule=None,
        port=8080,
    )
    assert resources.read(gone, "staging", ["web"]) == Resources(services={"web": running})


@pytest.mark.parametrize("how", ["cluster", "service"])
def test_a_service_that_somebody_deleted_is_no_obstacle(how: str) -> None:
    """Alone, or with the cluster."""
    gone = Account()
    gone("ecs")
    if how == "cluster":
        gone.stubs["ecs"].add_client_error("describe_services", "ClusterNotFoundException")
    else:
        gone.answer("ecs", "describe_services", {"services": [SERVICE | {"status": "INACTIVE"}]})
    gone.answer("rds", "describe_db_instances", {"DBInstances": []})
    assert resources.read(gone, "staging", ["web"]) == Resources()
