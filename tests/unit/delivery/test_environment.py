"""What the delivery commands read, and what they leave alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from delivery import environment
from delivery.console import Progress
from delivery.deploying import answers, proof, revisions, running_tasks
from delivery.errors import DeliveryError
from delivery.operator import clean
from delivery.release import testing
from delivery.session import Session
from tests.service_facts import service

if TYPE_CHECKING:
    from pathlib import Path

WEB = service()


def stubbed(service: str) -> tuple[Any, Stubber]:
    """Return a real client whose answers are checked against the service's model and given by the test."""
    client = boto3.client(service, region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
    return client, Stubber(client)


def session(clients: dict[str, Any]) -> Session:
    """Return a session of staging with these clients."""
    place = environment.Environment(stack="staging", url="http://x", cluster="c", services=(WEB,))
    return Session(clients=clients.__getitem__, environment=place, say=Progress())


def parameters(values: dict[str, object]) -> dict[str, Any]:
    """Return GetParametersByPath's answer for parameters of the stack staging."""
    return {"Parameters": [{"Name": f"/slipway/staging/{n}", "Value": json.dumps(v)} for n, v in values.items()]}


def test_an_environment_is_read_by_its_stacks_name() -> None:
    """Its url, its cluster, and each service with the repository's name."""
    client, stub = stubbed("ssm")
    answer = parameters({"environment": {"url": "http://x", "cluster": "c"}, "services/web": json.loads(WEB.payload())})
    stub.add_response("get_parameters_by_path", answer, {"Path": "/slipway/staging/", "Recursive": True})
    with stub:
        found = environment.read(client, "staging")
    assert (found.url, found.cluster, found.services[0].repository) == ("http://x", "c", "slipway/web")


def test_a_stack_that_was_never_up_is_named_with_region_and_remedy() -> None:
    """The region is the usual mistake: Pulumi reads it from the stack file, delivery from the environment."""
    client, stub = stubbed("ssm")
    stub.add_response("get_parameters_by_path", {"Parameters": []})
    with stub, pytest.raises(DeliveryError, match=r"region eu-central-1; run: pulumi up -s staging"):
        environment.read(client, "staging")


def test_parameters_of_an_older_program_are_named() -> None:
    """A missing key is a clear failure."""
    client, stub = stubbed("ssm")
    stub.add_response("get_parameters_by_path", parameters({"environment": {"url": "http://x"}}))
    with (
        stub,
        pytest.raises(
            DeliveryError, match=r"/slipway/staging/environment lacks cluster; another version.*pulumi up -s staging"
        ),
    ):
        environment.read(client, "staging")


def test_two_releases_at_once_are_no_release_to_test() -> None:
    """A deployment is under way: what the suite would see is not one thing."""
    client, stub = stubbed("ecs")
    stub.add_response("list_tasks", {"taskArns": ["a", "b"]})
    stub.add_response("describe_tasks", {"tasks": [task("d:1", digest="sha256:1"), task("d:1", digest="sha256:2")]})
    with stub, pytest.raises(DeliveryError, match="more than one release"):
        running_tasks.release(session({"ecs": client}), WEB)


def task(definition: str, *, digest: str = "", status: str = "RUNNING", address: str = "10.0.0.1") -> dict[str, Any]:
    """Return a task as ECS describes it; one that is coming up has no digest yet."""
    detail = [{"name": "privateIPv4Address", "value": address}]
    return {
        "lastStatus": status,
        "taskDefinitionArn": definition,
        "containers": [{"name": "web", **({"imageDigest": digest} if digest else {})}],
        "attachments": [{"details": detail}],
    }


@pytest.mark.parametrize(("desired", "wrong"), [(1, None), (2, "web: 1 of 2 tasks run")])
def test_a_task_that_ecs_adds_on_its_own_does_not_disprove_a_release(
    monkeypatch: pytest.MonkeyPatch, desired: int, wrong: str | None
) -> None:
    """As it does when it spreads a service over zones; but as many as desired must serve."""
    monkeypatch.setattr(answers, "wrong_answers", lambda *_: None)
    monkeypatch.setattr(answers, "tells", lambda *_: True)
    monkeypatch.setattr(revisions, "as_run", lambda session: session.environment)
    ecs, asked = stubbed("ecs")
    balancers, elbv2 = stubbed("elbv2")
    one = {
        "status": "ACTIVE",
        "desiredCount": desired,
        "loadBalancers": [{"targetGroupArn": "g", "containerName": "web"}],
    }
    asked.add_response("describe_services", {"services": [one]})
    asked.add_response("list_tasks", {"taskArns": ["a", "b"]})
    tasks = [task("d:2", digest="sha256:2"), task("d:2", status="PENDING", address="10.0.0.2")]
    asked.add_response("describe_tasks", {"tasks": tasks})
    if not wrong:
        rows = [("10.0.0.1", "healthy"), ("10.0.0.2", "initial")]
        health = [{"Target": {"Id": address}, "TargetHealth": {"State": state}} for address, state in rows]
        elbv2.add_response("describe_target_health", {"TargetHealthDescriptions": health})
    clients = {"ecs": ecs, "elbv2": balancers}
    telling = proof.Telling(frozenset({"web"}))
    expected = [proof.Expected(service=WEB, revision="d:2", digest="sha256:2", version="v")]
    with asked, elbv2:
        if not wrong:
            proof.prove(session(clients), expected, telling, 0)
            return
        with pytest.raises(DeliveryError, match=wrong):
            proof.prove(session(clients), expected, telling, -1)


def test_a_bin_test_that_cannot_be_run_is_named_with_the_remedy(tmp_path: Path) -> None:
    """By hand its mode is the author's to set; a build has set it before."""
    program = tmp_path / "app" / "bin" / "test"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o644)
    place = testing.Workplace(root=tmp_path, reports=tmp_path / "reports", say=Progress())
    with pytest.raises(DeliveryError, match=f"chmod \\+x '{program}'"):
        testing.script(WEB, "unit", {"COMMIT": "1a2b3c4"}, place)


def test_clean_deletes_only_revisions_that_carry_the_stacks_own_tags() -> None:
    """Whatever else the account holds is somebody else's."""
    client, stub = stubbed("ecs")
    families = {"familyPrefix": "staging-", "status": "ALL"}
    stub.add_response("list_task_definition_families", {"families": ["staging-web"]}, families)
    revisions = {"familyPrefix": "staging-web", "status": "INACTIVE"}
    stub.add_response("list_task_definitions", {"taskDefinitionArns": ["ours", "theirs"]}, revisions)
    for stack in ("staging", "billing"):
        tags = [{"key": "project", "value": "slipway"}, {"key": "environment", "value": stack}]
        stub.add_response("describe_task_definition", {"taskDefinition": {}, "tags": tags})
    stub.add_response("delete_task_definitions", {}, {"taskDefinitions": ["ours"]})
    with stub:
        assert clean.task_definitions(client, "staging") == 1


def test_a_revision_that_cannot_be_deleted_is_named() -> None:
    """Not counted as deleted."""
    client, stub = stubbed("ecs")
    stub.add_response("list_task_definition_families", {"families": ["staging-web"]})
    stub.add_response("list_task_definitions", {"taskDefinitionArns": ["ours"]})
    tags = [{"key": "project", "value": "slipway"}, {"key": "environment", "value": "staging"}]
    stub.add_response("describe_task_definition", {"taskDefinition": {}, "tags": tags})
    stub.add_response("delete_task_definitions", {"failures": [{"arn": "ours", "reason": "IN_USE"}]})
    with stub, pytest.raises(DeliveryError, match="ours: IN_USE"):
        clean.task_definitions(client, "staging")
