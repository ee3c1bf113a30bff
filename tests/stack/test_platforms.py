"""A release for two platforms, as the real program declares it: what is beside the usual pipeline, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fake_engine import ACCOUNT, REGION
from tests.stack import program
from tests.stack.test_pipeline import PROJECTS, STATEMENTS, action, section, stages, statements

if TYPE_CHECKING:
    from tests.fake_engine import FakeEngine

BOTH = ["linux/amd64", "linux/arm64"]
X86 = ("LINUX_CONTAINER", "aws/codebuild/amazonlinux-x86_64-standard:5.0")
ARM = ("ARM_CONTAINER", "aws/codebuild/amazonlinux-aarch64-standard:3.0")


def environments(engine: FakeEngine) -> dict[str, dict[str, Any]]:
    """Return the environment of each build project by its key."""
    found = engine.of("codebuild/project:Project")
    return {one.inputs["name"].removeprefix("slipway-prod-"): one.inputs["environment"] for one in found}


def platform(environment: dict[str, Any]) -> str:
    """Return what a build is told to build for, empty where it is not told."""
    told = {pair["name"]: pair["value"] for pair in environment["environmentVariables"]}
    return str(told.get("PLATFORM", ""))


@pytest.fixture(scope="module")
def both() -> FakeEngine:
    """Production as committed, but for two platforms; run once, since tests only look at it."""
    with pytest.MonkeyPatch.context() as patch:
        return program.run_prod(patch, section(platforms=BOTH))[0]


def test_each_platform_is_built_on_its_own_kind_of_machine_by_the_same_steps(both: FakeEngine) -> None:
    """Natively, with one buildspec, each told its platform; all other steps stay where the services' platform is."""
    found = environments(both)
    assert set(found) == PROJECTS | {"build-arm64", "index"}
    assert {key: (one["type"], one["image"]) for key, one in found.items() if key != "build-arm64"} == dict.fromkeys(
        PROJECTS | {"index"}, X86
    )
    assert (found["build-arm64"]["type"], found["build-arm64"]["image"]) == ARM
    assert {key: platform(one) for key, one in found.items() if platform(one)} == {
        "build": "linux/amd64",
        "build-arm64": "linux/arm64",
    }
    specs = {one.inputs["name"]: one.inputs["source"]["buildspec"] for one in both.of("codebuild/project:Project")}
    assert specs["slipway-prod-build"] == specs["slipway-prod-build-arm64"] == "delivery/buildspecs/build.yml"
    assert specs["slipway-prod-index"] == "delivery/buildspecs/index.yml"
    assert found["index"]["privilegedMode"] is False


def test_builds_run_side_by_side_and_the_index_after_both(both: FakeEngine) -> None:
    """Its inputs are what they wrote, so without one of them it cannot run; later stages get its release alone."""
    assert stages(both)["Build"] == ["Test", "Build", "Build-arm64", "Index"]
    builds = [action(both, "Build", name) for name in ("Build", "Build-arm64")]
    index = action(both, "Build", "Index")
    assert [one["runOrder"] for one in (*builds, index)] == [1, 1, 2]
    assert [one["outputArtifacts"] for one in builds] == [["Built_amd64"], ["Built_arm64"]]
    assert index["inputArtifacts"] == ["Source", "Built_amd64", "Built_arm64"]
    assert index["configuration"]["PrimarySource"] == "Source"
    assert (index["outputArtifacts"], index["namespace"]) == (["Release"], "Build")
    assert not [one for one in builds if "namespace" in one]
    text = (program.ROOT / "delivery/buildspecs/index.yml").read_text("utf-8")
    assert all(f"$CODEBUILD_SRC_DIR_{name}/release.json" in text for name in ("Built_amd64", "Built_arm64"))


def test_the_rest_of_the_pipeline_is_the_same(both: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stage by stage, action by action."""
    one, _ = program.run_prod(monkeypatch, section())
    for stage, names in stages(one).items():
        if stage != "Build":
            assert stages(both)[stage] == names
            assert [action(both, stage, name) for name in names] == [action(one, stage, name) for name in names]


def test_the_second_build_may_what_the_first_may_and_the_index_may_push_no_layer(both: FakeEngine) -> None:
    """Each on the repositories of the release, with its own logs and reports."""
    assert sorted(statements(both, "prod-build-arm64")) == sorted(STATEMENTS["prod-build"])
    repository = [f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/slipway/web"]
    may = statements(both, "prod-index")
    assert set(may) == {"WriteLogs", "ReadFacts", "Notify", "FindArtifacts", "WriteArtifacts", "TagImages"}
    assert may["TagImages"]["Action"] == ["ecr:BatchGetImage", "ecr:DescribeImages", "ecr:PutImage"]
    assert may["TagImages"]["Resource"] == repository
    started = statements(both, "prod-pipeline")["RunBuilds"]["Resource"]
    assert {arn.rpartition("/")[2].removeprefix("slipway-prod-") for arn in started} == (
        PROJECTS - {"checks"} | {"build-arm64", "index"}
    )
    for role in ("prod-build-arm64", "prod-index"):
        assert "*" not in json.dumps([one["Action"] for one in statements(both, role).values()])


def test_services_on_arm_get_the_other_build_on_x86(monkeypatch: pytest.MonkeyPatch) -> None:
    """The project of the services' own platform is the one that there is with one platform."""
    config = section(platforms=BOTH)
    config["slipway:environment"]["services"]["web"]["cpu_architecture"] = "ARM64"
    found = environments(program.run_prod(monkeypatch, config)[0])
    assert {key: (one["type"], platform(one)) for key, one in found.items() if key.startswith("build")} == {
        "build": ("ARM_CONTAINER", "linux/arm64"),
        "build-amd64": ("LINUX_CONTAINER", "linux/amd64"),
    }


def test_naming_the_one_platform_there_is_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No index, no action, no variable."""
    engine, _ = program.run_prod(monkeypatch, section(platforms=["linux/amd64"]))
    plain, _ = program.run_prod(monkeypatch, section())
    for kind in ("codepipeline/pipeline:Pipeline", "codebuild/project:Project", "RolePolicy"):
        assert {one.name: one.inputs for one in engine.of(kind)} == {one.name: one.inputs for one in plain.of(kind)}
    assert stages(engine)["Build"] == ["Test", "Build"]
    assert not [one for one in environments(engine).values() if platform(one)]
