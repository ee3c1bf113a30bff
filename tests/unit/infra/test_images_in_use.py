"""What a stack runs, or begins to run by `up`, is marked, so that no lifecycle rule expires it."""

from __future__ import annotations

from typing import Any

import boto3
import pulumi
import pytest
from botocore.stub import Stubber

from infra.live import images_in_use

DIGEST = "sha256:" + "1" * 64
REFERENCE = f"000000000000.dkr.ecr.eu-central-1.amazonaws.com/slipway/web@{DIGEST}"
KIND = "application/vnd.oci.image.index.v1+json"


def registry() -> tuple[Any, Stubber]:
    """Return a client of ECR that has the image."""
    client = boto3.client("ecr", "eu-central-1", aws_access_key_id="test", aws_secret_access_key="test")
    stub = Stubber(client)
    stub.add_response("batch_get_image", {"images": [{"imageManifest": "{}", "imageManifestMediaType": KIND}]})
    return client, stub


def test_an_image_gets_the_mark_of_its_stack() -> None:
    """By its manifest as it was pushed; the same image is marked once, and one without a digest not at all."""
    client, stub = registry()
    asked = {
        "repositoryName": "slipway/web",
        "imageManifest": "{}",
        "imageManifestMediaType": KIND,
        "imageTag": "in-use-prod-111111111111",
    }
    stub.add_response("put_image", {"image": {}}, asked)
    with stub:
        images_in_use.mark(lambda _: client, "prod", [REFERENCE, REFERENCE, "registry/web:tag", ""])
    stub.assert_no_pending_responses()


@pytest.mark.parametrize("code", ["ImageAlreadyExistsException", "ImageTagAlreadyExistsException"])
def test_an_image_that_has_the_mark_is_left_alone(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Nothing is said."""
    monkeypatch.setattr(pulumi.log, "warn", pytest.fail)
    client, stub = registry()
    stub.add_client_error("put_image", code)
    with stub:
        images_in_use.mark(lambda _: client, "prod", [REFERENCE])


def test_what_cannot_be_marked_does_not_end_the_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told."""
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", told.append)
    client, stub = registry()
    stub.add_client_error("put_image", "AccessDeniedException")
    with stub:
        images_in_use.mark(lambda _: client, "prod", [REFERENCE])
    assert told[0].startswith(f"slipway/web@{DIGEST} cannot be marked as in use, and may expire: ")
