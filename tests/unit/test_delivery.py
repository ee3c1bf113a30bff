"""What the delivery commands read, and what they leave alone."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from delivery import clean, environment, running
from delivery.errors import DeliveryError

SERVICE = {
    "service": "staging-web",
    "template_family": "staging-web-template",
    "release_family": "staging-web",
    "repository_url": "123.dkr.ecr.eu-central-1.amazonaws.com/slipway/web",
    "context": "app",
    "dockerfile": "Dockerfile",
}


def stubbed(service: str) -> tuple[Any, Stubber]:
    """Return a real client whose answers are checked against the service's model and given by the test."""
    client = boto3.client(service, region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
    return client, Stubber(client)


def parameters(values: dict[str, object]) -> dict[str, Any]:
    """Return GetParametersByPath's answer for parameters of the stack staging."""
    return {"Parameters": [{"Name": f"/slipway/staging/{n}", "Value": json.dumps(v)} for n, v in values.items()]}


def test_an_environment_is_read_by_its_stacks_name() -> None:
    """Its url, its cluster, and each service with the repository's name."""
    client, stub = stubbed("ssm")
    answer = parameters({"environment": {"url": "http://x", "cluster": "c"}, "services/web": SERVICE})
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
    with stub, pytest.raises(DeliveryError, match="'cluster'"):
        environment.read(client, "staging")


def test_two_releases_at_once_are_no_release_to_test() -> None:
    """A deployment is under way: what the suite would see is not one thing."""
    client, stub = stubbed("ecs")
    stub.add_response("list_tasks", {"taskArns": ["a", "b"]})
    tasks = [
        {"containers": [{"name": "web", "imageDigest": f"sha256:{n}"}], "taskDefinitionArn": "d:1"} for n in (1, 2)
    ]
    stub.add_response("describe_tasks", {"tasks": tasks})
    with stub, pytest.raises(DeliveryError, match="more than one release"):
        running.release(client, "c", "s", "web")


def test_clean_deletes_only_revisions_that_carry_the_stacks_own_tags() -> None:
    """Whatever else the account holds is somebody else's."""
    client, stub = stubbed("ecs")
    stub.add_response("list_task_definitions", {"taskDefinitionArns": ["ours", "theirs"]}, {"status": "INACTIVE"})
    for stack in ("staging", "billing"):
        tags = [{"key": "project", "value": "slipway"}, {"key": "environment", "value": stack}]
        stub.add_response("describe_task_definition", {"taskDefinition": {}, "tags": tags})
    stub.add_response("delete_task_definitions", {}, {"taskDefinitions": ["ours"]})
    with stub:
        assert clean.task_definitions(client, "staging") == 1


def test_a_revision_that_cannot_be_deleted_is_named() -> None:
    """Not counted as deleted."""
    client, stub = stubbed("ecs")
    stub.add_response("list_task_definitions", {"taskDefinitionArns": ["ours"]})
    tags = [{"key": "project", "value": "slipway"}, {"key": "environment", "value": "staging"}]
    stub.add_response("describe_task_definition", {"taskDefinition": {}, "tags": tags})
    stub.add_response("delete_task_definitions", {"failures": [{"arn": "ours", "reason": "IN_USE"}]})
    with stub, pytest.raises(DeliveryError, match="ours: IN_USE"):
        clean.task_definitions(client, "staging")
