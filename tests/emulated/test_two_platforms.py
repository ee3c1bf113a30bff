"""A release for two platforms on its whole way to staging: each image built and tried on processors of its own kind.

Those of linux/arm64 are emulated, so this runs only where `bin/localcloud emulate` was run: minutes, and no part
of `make test`. By hand: `.venv/bin/python -m pytest tests/emulated`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import docker
import httpx
import pytest

from contract.images import in_use_tag
from delivery.release import indexing
from localcloud.docker_engine import qemu
from tests.local.releases import Releases
from tests.local.workspace import copy_of_the_project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local.workspace import Workspace

pytestmark = pytest.mark.local
PLATFORMS = ["linux/amd64", "linux/arm64"]
BUILD = ["Build/Build", "Build/Build-arm64", "Build/Index"]
STAGING = ["Staging/Deploy", "Staging/Acceptance", "Staging/Promote"]
TEST = "tests/emulated/app/bin/test"
ONLY_ON_ARM = '[ "$(uname -m)" != aarch64 ] || { echo "broken on arm64 on purpose"; exit 1; }\n'


def one_service(config: dict[str, Any]) -> None:
    """Let staging be the application that tells its processors, with a pipeline of its own for two platforms."""
    web = {"context": "tests/emulated/app", "cpu": 256, "memory": 512, "desired_count": 1}
    config["slipway:environment"] = {"network": {"cidr": "10.10.0.0/16"}, "services": {"web": web}}
    config["slipway:pipeline"] = {"repository": "slipway-example/slipway", "platforms": PLATFORMS}
    config["github:owner"] = "slipway-example"


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Releases]:
    """Staging with its pipeline, to which the first commit was pushed."""
    if not qemu.ready(docker.from_env()):
        pytest.skip(f"linux/arm64 does not run here; to emulate it, run: {qemu.COMMAND}")
    space = copy_of_the_project(tmp_path_factory.mktemp("platforms"))
    done = space.cloud("up", "--yes")
    assert done.returncode == 0, done.stdout
    try:
        space.edit("staging", one_service)
        space.up("staging")
        made = Releases(space, name="slipway-staging")
        made.begin()
        assert space.cloud("connect", made.name).returncode == 0
        space.up("staging")
        yield made
    finally:
        space.cloud("reset")


@pytest.fixture(scope="module")
def released(releases: Releases) -> str:
    """The first commit, accepted by staging."""
    commit = releases.git("rev-parse", "HEAD")
    execution = releases.execution_of(commit)
    assert releases.end(execution) == "Succeeded", releases.told(execution)
    return commit


def version(workspace: Workspace) -> dict[str, str]:
    """Return what staging says that it serves."""
    return dict(httpx.get(workspace.outputs("staging")["url"] + "/version").json())


def candidates(releases: Releases) -> set[str]:
    """Return the repository's candidate tags."""
    ids = releases.workspace.client("ecr").list_images(repositoryName="slipway/web")["imageIds"]
    return {one["imageTag"] for one in ids if one.get("imageTag", "").startswith("candidate-")}


def test_a_commit_is_built_natively_for_each_platform_and_released_as_one_index(
    releases: Releases, released: str
) -> None:
    """Both images passed their acceptance on their own processors; staging runs its own of the index."""
    ran = releases.actions(releases.execution_of(released))
    assert set(ran) == {"Source/Source", "Test/Test", *BUILD, *STAGING}
    ecr, digest = releases.workspace.client("ecr"), releases.digest(released)
    parts = indexing.platforms_of(ecr, "slipway/web", digest)
    assert set(parts) == set(PLATFORMS)
    for platform, action, machine in zip(PLATFORMS, BUILD, ("x86_64", "aarch64"), strict=False):
        log = releases.log(ran[action])
        assert f"'machine': '{machine}'" in log, log
        assert parts[platform] in log
        # The one for this machine's own platform is what Pulumi built at first, and has that tag too.
        tags = {tag for tag in releases.tags(parts[platform]) if not tag.startswith(("content-", "in-use-"))}
        assert tags == {f"candidate-{released}-{platform[6:]}"}
    wanted = {f"candidate-{released}", f"accepted-{released}", in_use_tag("staging", digest)}
    assert releases.tags(digest) == wanted
    assert version(releases.workspace) == {"commit": released, "digest": digest, "machine": "x86_64"}


def test_the_same_commit_again_builds_nothing(releases: Releases, released: str) -> None:
    """Both images and their index are there; so is what is served."""
    revision = {"actionName": "Source", "revisionType": "COMMIT_ID", "revisionValue": released}
    before = (releases.digest(released), candidates(releases))
    execution = releases.pipeline.start_pipeline_execution(name=releases.name, sourceRevisions=[revision])
    assert releases.end(execution["pipelineExecutionId"]) == "Succeeded"
    ran = releases.actions(execution["pipelineExecutionId"])
    assert all("it is reused" in releases.log(ran[name]) for name in BUILD[:2])
    assert (releases.digest(released), candidates(releases)) == before


def test_what_fails_on_one_platform_is_no_release(releases: Releases, released: str) -> None:
    """The other image is there, but no index and nothing after it; staging serves what it served."""
    before = version(releases.workspace)
    broken = releases.push_with({TEST: lambda text: text.replace("set -eu\n", f"set -eu\n{ONLY_ON_ARM}")}, "Broken")
    execution = releases.execution_of(broken)
    assert releases.end(execution) == "Failed"
    ran = releases.actions(execution)
    assert {name: row["status"] for name, row in ran.items() if name.startswith("Build/")} == {
        "Build/Build": "Succeeded",
        "Build/Build-arm64": "Failed",
    }
    assert "broken on arm64 on purpose" in releases.log(ran["Build/Build-arm64"])
    assert not set(STAGING) & set(ran)
    assert {tag for tag in candidates(releases) if broken in tag} == {f"candidate-{broken}-amd64"}
    assert version(releases.workspace) == before
    assert before["commit"] == released
