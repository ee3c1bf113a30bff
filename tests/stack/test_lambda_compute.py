"""Steps on CodeBuild's Lambda compute: which those are, and what the program declares for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.stack import program, variants
from tests.stack.test_pipeline import PROJECTS, section, statements

if TYPE_CHECKING:
    from tests.fake_engine import FakeEngine

BOTH = ["linux/amd64", "linux/arm64"]
ON_LAMBDA = {"staging-promote", "index"}
X86 = ("LINUX_LAMBDA_CONTAINER", "aws/codebuild/amazonlinux-x86_64-lambda-standard:python3.12")
ARM = ("ARM_LAMBDA_CONTAINER", "aws/codebuild/amazonlinux-aarch64-lambda-standard:python3.12")
PRIVATE = "210987654321.dkr.ecr.eu-west-1.amazonaws.com/tools/build:3"


def projects(engine: FakeEngine) -> dict[str, dict[str, Any]]:
    """Return the inputs of each build project by its key."""
    found = engine.of("codebuild/project:Project")
    return {one.inputs["name"].removeprefix("slipway-prod-"): one.inputs for one in found}


@pytest.fixture(scope="module")
def both() -> FakeEngine:
    """Production for two platforms, with each key that says what builds run on; run once, for tests that look at it."""
    with pytest.MonkeyPatch.context() as patch:
        config = section(
            lambda_compute=True,
            platforms=BOTH,
            fleet_arn=variants.FLEET,
            image=PRIVATE,
            compute_type="BUILD_GENERAL1_LARGE",
        )
        return program.run_prod(patch, config)[0]


def test_promote_and_index_have_exactly_the_environment_that_lambda_compute_takes(both: FakeEngine) -> None:
    """Its own type, image and size: neither the fleet nor the image of the others, nor privileged mode."""
    for key in ON_LAMBDA:
        environment = dict(projects(both)[key]["environment"])
        environment.pop("environmentVariables")
        assert environment == {
            "type": X86[0],
            "image": X86[1],
            "computeType": "BUILD_LAMBDA_1GB",
            "privilegedMode": False,
        }
        step = key.rpartition("-")[2]
        assert projects(both)[key]["source"]["buildspec"] == f"delivery/buildspecs/{step}-lambda.yml"


def test_nothing_is_declared_that_codebuild_refuses_there(both: FakeEngine) -> None:
    """Neither a time limit nor a cache nor a network."""
    for key in ON_LAMBDA:
        assert not {"buildTimeout", "queuedTimeout", "cache", "vpcConfig"} & set(projects(both)[key])


def test_what_needs_docker_or_more_time_stays_on_ec2_compute(both: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deploy among it; these projects are what they are without the key."""
    plain, _ = program.run_prod(
        monkeypatch,
        section(platforms=BOTH, fleet_arn=variants.FLEET, image=PRIVATE, compute_type="BUILD_GENERAL1_LARGE"),
    )
    found, before = projects(both), projects(plain)
    assert set(found) == PROJECTS | {"build-arm64", "index"}
    assert {key for key, declared in found.items() if declared != before[key]} == ON_LAMBDA


def test_their_roles_may_not_pull_the_image_that_they_do_not_use(both: FakeEngine) -> None:
    """The others' may."""
    pulls = {key for key in ("prod-index", "prod-staging-promote") if "PullBuildImage" in statements(both, key)}
    assert pulls == set()
    assert "PullBuildImage" in statements(both, "prod-staging-deploy")


def test_services_on_arm_have_the_environment_of_arm(monkeypatch: pytest.MonkeyPatch) -> None:
    """As their other builds."""
    config = section(lambda_compute=True)
    config["slipway:environment"]["services"]["web"]["cpu_architecture"] = "ARM64"
    environment = projects(program.run_prod(monkeypatch, config)[0])["staging-promote"]["environment"]
    assert (environment["type"], environment["image"]) == ARM


def test_without_the_key_no_project_runs_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is off by default."""
    found = projects(program.run_prod(monkeypatch, section(platforms=BOTH))[0])
    assert {one["environment"]["type"] for one in found.values()} == {"LINUX_CONTAINER", "ARM_CONTAINER"}
