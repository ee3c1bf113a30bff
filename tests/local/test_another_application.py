"""Another application instead of the example: another language, port and health path, two services, no database.

Only the application's folder and the configuration differ; it has its own pair of stacks.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.local.releases import ORDER, Releases
from tests.local.workspace import Workspace, copy_of_the_project

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.local
STAGING, PRODUCTION, REPOSITORY = "shop-staging", "shop-prod", "slipway-example/shop"
SERVICES = {
    "front": {"target": "front", "port": 3000},
    "api": {"target": "api", "port": 3001, "route": {"paths": ["/api/*"], "priority": 10}},
}
COMMON = {"context": "app", "cpu": 256, "memory": 512, "desired_count": 1, "health_check": {"path": "/ready"}}
VERSIONS = {"front": "/version", "api": "/api/version"}
STAND_IN = "slipway.local/node:18"
RECIPE = """FROM {base}
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends nodejs >/dev/null \\
    && rm -rf /var/lib/apt/lists/*
"""


def base_image(workspace: Workspace) -> dict[str, str]:
    """Return the build argument for node's image: none if the public one is available, else a stand-in."""
    base = workspace.cloud("env").stdout.split("PYTHON_IMAGE=")[1].split()[0].strip("'\"")
    if not base.startswith("slipway.local/"):
        return {}
    recipe = RECIPE.format(base=base)
    subprocess.run(["docker", "build", "--quiet", f"--tag={STAND_IN}", "-"], input=recipe, text=True, check=True)
    return {"NODE_IMAGE": STAND_IN}


def configure(space: Workspace, connection: str) -> None:
    """Write the stack files: the committed ones with other services and no database."""
    arguments = base_image(space)

    def of_both(config: dict[str, Any], stack: str) -> None:
        config["aws:defaultTags"]["tags"]["environment"] = stack
        environment = config["slipway:environment"]
        del environment["database"]
        # The test waits for old tasks to be deregistered.
        more = {"deregistration_delay": 1, "build_args": arguments}
        environment["services"] = {name: COMMON | more | service for name, service in SERVICES.items()}

    def of_production(config: dict[str, Any]) -> None:
        of_both(config, PRODUCTION)
        config["slipway:images"]["from_stack"] = STAGING
        own = {"repository": REPOSITORY, "staging": STAGING, "connection_arn": connection}
        config["slipway:pipeline"] |= own

    for stack, like in ((STAGING, "staging"), (PRODUCTION, "prod")):
        shutil.copy(space.root / f"Pulumi.{like}.yaml", space.root / f"Pulumi.{stack}.yaml")
    space.edit(STAGING, lambda config: of_both(config, STAGING))
    space.edit(PRODUCTION, of_production)


@pytest.fixture(scope="module")
def shop(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Releases]:
    """Both deployed stacks with first images, and a pipeline with its first execution running; destroyed at the end."""
    root = tmp_path_factory.mktemp("shop")
    own = {"LOCALCLOUD_STATE": str(workspace.root / ".localcloud")}
    space = Workspace(root, copy_of_the_project(root).environment | own)
    shutil.rmtree(root / "app")
    shutil.copytree(root / "tests/apps/shop", root / "app")
    connections = space.client("codeconnections")
    connection = connections.create_connection(ProviderType="GitHub", ConnectionName="shop")["ConnectionArn"]
    assert space.cloud("connect", "shop").returncode == 0
    configure(space, connection)
    releases = Releases(space, f"slipway-{PRODUCTION}", REPOSITORY, PRODUCTION)
    releases.begin()
    space.up(STAGING)
    releases.delivery("acceptance", "--stack", STAGING)
    space.up(PRODUCTION)
    yield releases
    for stack in (PRODUCTION, STAGING):
        space.must("bin/pulumi-local", "destroy", "-s", stack, "--yes", "--skip-preview")
        releases.delivery("clean", "--stack", stack)
    connections.delete_connection(ConnectionArn=connection)


@pytest.fixture(scope="module")
def released(shop: Releases) -> str:
    """The hash of the first commit, released to production."""
    commit = shop.git("rev-parse", "HEAD")
    execution = shop.execution_of(commit)
    shop.approve(execution)
    assert shop.end(execution) == "Succeeded", shop.told(execution)
    assert list(shop.actions(execution)) == ORDER
    return commit


def versions(shop: Releases, stack: str) -> dict[str, dict[str, str]]:
    """Return the version that each service of a stack reports."""
    url = shop.workspace.outputs(stack)["url"]
    return {name: dict(httpx.get(url + path).json()) for name, path in VERSIONS.items()}


def test_another_application_goes_to_production_by_configuration_alone(shop: Releases, released: str) -> None:
    """Two services are built, tested, deployed and accepted as one release, with one manifest."""
    digests = {name: shop.digest(released, name) for name in SERVICES}
    assert len(set(digests.values())) == 2
    execution = shop.execution_of(released)
    for stack in (STAGING, PRODUCTION):
        assert versions(shop, stack) == {
            name: {"commit": released, "digest": digest} for name, digest in digests.items()
        }
    wanted = {f"candidate-{released}", f"accepted-{released}", f"released-{released}-{execution[:8]}"}
    # The first images may be identical: they have the same sources, and do not contain the commit.
    assert all(wanted <= shop.tags(digest, name) for name, digest in digests.items())
    told = shop.actions(execution)["Build/Build"]["output"]["outputVariables"]["RELEASE"]
    assert told == f"api@{digests['api']} front@{digests['front']}"
    status = shop.delivery("status", "--stack", PRODUCTION)
    assert f"{PRODUCTION} serves {released} ({told})" in status
    assert httpx.get(shop.workspace.outputs(PRODUCTION)["url"] + "/api/total").json() == {"total": 599}


def test_a_service_that_fails_takes_the_other_one_back(shop: Releases, released: str) -> None:
    """The healthy front service is rolled back too; staging serves the previous release, production is not touched."""
    crash = 'if (process.env.IMAGE_DIGEST) throw new Error("broken on purpose");\n'
    commit = shop.push_with({"app/src/api.mjs": lambda text: f"{text}\n{crash}"}, "An api that ends when deployed")
    execution = shop.execution_of(commit)
    assert shop.end(execution) == "Failed", shop.told(execution)
    ran = shop.actions(execution)
    assert list(ran) == ORDER[: ORDER.index("Staging/Deploy") + 1], shop.told(execution)
    log = shop.log(ran["Staging/Deploy"])
    assert "put back: api serves" in log
    assert ", front serves" in log
    for stack in (STAGING, PRODUCTION):
        assert {one["commit"] for one in versions(shop, stack).values()} == {released}
    assert not [tag for tag in shop.tags(shop.digest(commit, "front"), "front") if tag.startswith("accepted-")]


def test_a_rollback_takes_both_services_to_the_same_release(shop: Releases, released: str) -> None:
    """Here to their first images; the history lists both services."""
    first = {name: one["version"] for name, one in facts(shop, PRODUCTION).items()}
    shop.delivery("rollback", "--stack", PRODUCTION)
    assert {name: one["commit"] for name, one in versions(shop, PRODUCTION).items()} == first
    history = shop.delivery("history", "--stack", PRODUCTION)
    assert all(f"{name} in {PRODUCTION}" in history for name in SERVICES)
    assert history.count(released) == 2


def facts(shop: Releases, stack: str) -> dict[str, Any]:
    """Return a stack's parameters of its services in Parameter Store."""
    ssm = shop.workspace.client("ssm")
    names = {name: f"/slipway/{stack}/services/{name}" for name in SERVICES}
    return {name: json.loads(ssm.get_parameter(Name=path)["Parameter"]["Value"]) for name, path in names.items()}
