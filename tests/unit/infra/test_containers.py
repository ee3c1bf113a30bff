"""Container definitions."""

from __future__ import annotations

import json

from infra.aws import containers

CONTAINER = containers.Container(
    name="web",
    image="registry/web@sha256:1",
    port=8080,
    environment={"B": "2", "A": "1", "IMAGE_DIGEST": "sha256:1", "APP_VERSION": "content-1"},
    secrets={"PASSWORD": "arn:secret:password::"},
    log_group="/slipway/staging/web",
    region="eu-central-1",
    stop_timeout=30,
)


def test_a_container_cannot_write_to_its_image() -> None:
    """The root file system is read-only."""
    assert containers.definition(CONTAINER)["readonlyRootFilesystem"] is True


def test_variables_are_sorted_so_that_their_order_is_no_change() -> None:
    """A reordered stack file plans nothing."""
    names = [pair["name"] for pair in containers.definition(CONTAINER)["environment"]]
    assert names == sorted(names)


def test_a_secret_is_a_reference_and_never_a_value() -> None:
    """ECS resolves it when the task starts."""
    assert containers.definition(CONTAINER)["secrets"] == [{"name": "PASSWORD", "valueFrom": "arn:secret:password::"}]


def test_a_release_says_what_it_is() -> None:
    """Digest and version can be read back from the definitions."""
    definitions = json.dumps([containers.definition(CONTAINER)])
    assert containers.release_of(definitions) == ("sha256:1", "content-1")
