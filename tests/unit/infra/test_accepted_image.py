"""Which image another stack's acceptance has passed."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from infra.environment import accepted_image
from tests.fake_engine import ACCOUNT, REGISTRY, FakeEngine, Refused, run_to_end, start

IMAGES = {
    "sha256:old": (100, ["content-1", "accepted-1"]),
    "sha256:new": (300, ["candidate-2", "accepted-2", "released-2-x"]),
    "sha256:newest": (400, ["candidate-3"]),
}


def registry(images: dict[str, tuple[int, list[str]]]) -> dict[str, Any]:
    """Answer what ECR would, for these images: digest to the time of its push and its tags."""
    ids = [{"imageDigest": digest, "imageTag": tag} for digest, (_, tags) in images.items() for tag in tags]

    def image(asked: dict[str, Any]) -> dict[str, Any]:
        ((digest, (pushed, tags)),) = [one for one in images.items() if asked["imageTag"] in one[1][1]]
        return {"imageDigest": digest, "imagePushedAt": pushed, "imageTags": tags}

    return {
        "aws:ecr/getImages:getImages": lambda _: {"imageIds": ids},
        "aws:ecr/getImage:getImage": image,
        "aws:ecr/getRepository:getRepository": lambda asked: {
            "repositoryUrl": f"{REGISTRY}/{asked['name']}",
            "arn": f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/{asked['name']}",
        },
    }


def find(images: dict[str, tuple[int, list[str]]]) -> accepted_image.AcceptedImage | None:
    """Look up the newest accepted image among these."""
    start(FakeEngine(answers=registry(images)))
    found: list[accepted_image.AcceptedImage | None] = []

    def program() -> None:
        found.append(accepted_image.newest("slipway/web"))

    run_to_end(program)
    return found[0]


def test_the_newest_pushed_of_the_accepted_images_is_taken() -> None:
    """A newer one that has not passed is left alone."""
    image = find(IMAGES)
    assert image is not None
    assert image.digest == "sha256:new"
    assert image.repository_url == f"{REGISTRY}/slipway/web"


def test_its_version_is_the_commit_it_was_built_from() -> None:
    """As the pipeline calls it, so that all environments call one image by one name."""
    image = find(IMAGES)
    assert image is not None
    assert image.version == "2"


def test_the_version_of_an_image_that_pulumi_built_is_its_tag() -> None:
    """It has no commit."""
    image = find({"sha256:old": (100, ["content-1", "accepted-1"])})
    assert image is not None
    assert image.version == "content-1"


def test_the_version_of_an_image_that_is_a_suite_too_is_its_own_commit() -> None:
    """A suite's image may be the same as a release's, of another commit too."""
    image = find({"sha256:both": (100, ["candidate-1-suite", "candidate-2", "accepted-2"])})
    assert image is not None
    assert image.version == "2"


def test_no_accepted_image_is_none() -> None:
    """Neither in an empty repository nor among candidates."""
    assert find({}) is None
    assert find({"sha256:newest": (400, ["candidate-3"])}) is None


def test_a_repository_that_cannot_be_read_is_said_in_one_line() -> None:
    """With its name, and without a traceback."""

    def fail(_: dict[str, Any]) -> dict[str, Any]:
        raise Refused("RepositoryNotFoundException:\n  no such repository")

    start(FakeEngine(answers={"aws:ecr/getImages:getImages": fail}))

    def program() -> None:
        with pytest.raises(pulumi.RunError) as refused:
            accepted_image.newest("slipway/web")
        assert "\n" not in str(refused.value)
        assert "slipway/web" in str(refused.value)

    run_to_end(program)
