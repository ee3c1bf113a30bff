"""Images by commit, and tags that never move."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from delivery.environment import Environment
from delivery.errors import DeliveryError
from delivery.release import images, promote
from tests.service_facts import service

COMMIT, OTHER = "a" * 40, "b" * 40
DIGEST, SECOND = f"sha256:{'0' * 64}", f"sha256:{'1' * 64}"
WEB = service("web", "s", build_args={"PYTHON_IMAGE": "python:3.11"})
STAGING = Environment(stack="staging", url="http://s", cluster="c", services=(WEB,))


def stubbed(service: str) -> tuple[Any, Stubber]:
    """Return a real client whose answers are given by the test."""
    client = boto3.client(service, region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    return client, Stubber(client)


def described(**tags: str) -> dict[str, Any]:
    """Return DescribeImages' answer: digest by tag."""
    return {"imageDetails": [{"imageDigest": digest, "imageTags": [tag]} for tag, digest in tags.items()]}


def test_a_commit_is_found_by_its_first_characters() -> None:
    """In any of its tags."""
    client, stub = stubbed("ecr")
    stub.add_client_error("describe_images", "ImageNotFoundException")
    stub.add_response("describe_images", described(**{f"released-{COMMIT}-1234abcd": DIGEST, "content-1": SECOND}))
    with stub:
        found = images.of_commit(client, STAGING, COMMIT[:8])
    assert (found.commit, found.services["web"].digest, found.execution) == (COMMIT, DIGEST, "by-hand")


def test_characters_that_fit_two_commits_are_refused() -> None:
    """Both are named."""
    client, stub = stubbed("ecr")
    near = f"{'a' * 39}b"
    stub.add_client_error("describe_images", "ImageNotFoundException")
    stub.add_response("describe_images", described(**{f"candidate-{COMMIT}": DIGEST, f"accepted-{near}": SECOND}))
    with stub, pytest.raises(DeliveryError, match=f"{COMMIT}, {near}; give more"):
        images.of_commit(client, STAGING, "aaaaaaa")


def test_a_commit_that_was_never_built_is_told_how_to_build_it() -> None:
    """With the tags that were looked for."""
    client, stub = stubbed("ecr")
    stub.add_client_error("describe_images", "ImageNotFoundException")
    stub.add_response("describe_images", {"imageDetails": []})
    with stub, pytest.raises(DeliveryError, match=f"delivery build --stack staging --commit {COMMIT}"):
        images.of_commit(client, STAGING, COMMIT)


def expect_put(stub: Stubber, error: str = "") -> None:
    """Expect the tag to be looked for in vain, and put."""
    stub.add_client_error("describe_images", "ImageNotFoundException")
    got = {"images": [{"imageManifest": "{}", "imageManifestMediaType": "application/x"}]}
    stub.add_response("batch_get_image", got)
    if error:
        stub.add_client_error("put_image", error)
    else:
        wanted = {
            "repositoryName": "rep",
            "imageManifest": "{}",
            "imageTag": "accepted-1",
            "imageManifestMediaType": "application/x",
        }
        stub.add_response("put_image", {}, wanted)


def test_a_tag_is_put_by_the_manifest_that_is_there() -> None:
    """Nothing is pulled or pushed."""
    client, stub = stubbed("ecr")
    expect_put(stub)
    with stub:
        assert images.mark(client, "rep", DIGEST, "accepted-1") is True


@pytest.mark.parametrize(("other", "fine"), [(DIGEST, True), (SECOND, False)])
def test_a_tag_that_someone_else_put_meanwhile_is_fine_on_the_same_image_only(other: str, *, fine: bool) -> None:
    """Two executions of one commit may promote it at once."""
    client, stub = stubbed("ecr")
    expect_put(stub, "ImageTagAlreadyExistsException")
    stub.add_response("describe_images", described(**{"accepted-1": other}))
    with stub:
        if fine:
            assert images.mark(client, "rep", DIGEST, "accepted-1") is False
        else:
            with pytest.raises(DeliveryError, match=f"{SECOND}.*{DIGEST}"):
                images.mark(client, "rep", DIGEST, "accepted-1")


def test_a_released_tag_needs_its_execution() -> None:
    """Its first eight characters end it."""
    assert promote.name_of("released", COMMIT, "12345678-9") == f"released-{COMMIT}-12345678"
    with pytest.raises(DeliveryError, match="--execution"):
        promote.name_of("released", COMMIT, "by-hand")
