"""A second project in the account: another application, with stacks and a service of the same names as the first one's.

The application is of another language, with two services and no database; only its folder and the configuration differ.
Its pipeline and the first project's release at the same time, and neither sees, serves or removes what is the other's.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from support.load import Load
from tests.local.conftest import SLOW
from tests.local.releases import ORDER, Releases
from tests.local.workspace import Workspace, copy_of_the_project

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.local
PROJECT, REPOSITORY = "shop", "slipway-example/shop"
STAGING, PRODUCTION = "staging", "prod"
SERVICES = {
    "web": {"target": "web", "port": 3000},
    "api": {"target": "api", "port": 3001, "route": {"paths": ["/api/*"], "priority": 10}},
}
COMMON = {"context": "app", "cpu": 256, "memory": 512, "desired_count": 1, "health_check": {"path": "/ready"}}
VERSIONS = {"web": "/version", "api": "/api/version"}
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
    """Write the project's file and the stack files: the committed ones with other services and no database."""
    arguments = base_image(space)
    file = space.root / "Pulumi.yaml"
    file.write_text(file.read_text("utf-8").replace("name: slipway", f"name: {PROJECT}"), "utf-8")

    def of_both(config: dict[str, Any]) -> None:
        config["aws:defaultTags"]["tags"]["project"] = PROJECT
        environment = config["slipway:environment"]
        del environment["database"]
        # The test waits for old tasks to be deregistered.
        more = {"deregistration_delay": 1, "build_args": arguments}
        environment["services"] = {name: COMMON | more | service for name, service in SERVICES.items()}

    def of_production(config: dict[str, Any]) -> None:
        of_both(config)
        config["slipway:pipeline"] |= {"repository": REPOSITORY, "connection_arn": connection}

    space.edit(STAGING, of_both)
    space.edit(PRODUCTION, of_production)


@pytest.fixture(scope="module")
def shop(
    workspace: Workspace,
    connected: Releases,  # noqa: ARG001 - the first project's stacks are up, and its pipeline releases
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Releases]:
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
    releases = Releases(space, f"{PROJECT}-{PRODUCTION}", REPOSITORY, PRODUCTION)
    releases.begin()
    space.up(STAGING)
    releases.delivery("acceptance", "--stack", STAGING)
    space.up(PRODUCTION)
    yield releases
    remove(releases)
    connections.delete_connection(ConnectionArn=connection)


def remove(shop: Releases) -> None:
    """Destroy the project's stacks, and remove what Pulumi does not know."""
    for stack in (PRODUCTION, STAGING):
        shop.workspace.destroy(stack)
        shop.delivery("clean", "--stack", stack)


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
    assert told == f"api@{digests['api']} web@{digests['web']}"
    status = shop.delivery("status", "--stack", PRODUCTION)
    assert f"{PRODUCTION} serves {released[:7]}, released " in status
    assert httpx.get(shop.workspace.outputs(PRODUCTION)["url"] + "/api/total").json() == {"total": 599}


def test_a_service_that_fails_takes_the_other_one_back(shop: Releases, released: str) -> None:
    """The healthy web service is rolled back too; staging serves the previous release, production is not touched."""
    crash = 'if (process.env.IMAGE_DIGEST) throw new Error("broken on purpose");\n'
    commit = shop.push_with({"app/src/api.mjs": lambda text: f"{text}\n{crash}"}, "An api that ends when deployed")
    execution = shop.execution_of(commit)
    assert shop.end(execution) == "Failed", shop.told(execution)
    ran = shop.actions(execution)
    assert list(ran) == ORDER[: ORDER.index("Staging/Deploy") + 1], shop.told(execution)
    log = shop.log(ran["Staging/Deploy"])
    assert "put back: api serves" in log
    assert ", web serves" in log
    for stack in (STAGING, PRODUCTION):
        assert {one["commit"] for one in versions(shop, stack).values()} == {released}
    assert not [tag for tag in shop.tags(shop.digest(commit, "web"), "web") if tag.startswith("accepted-")]


def test_a_rollback_takes_both_services_to_the_same_release(shop: Releases, released: str) -> None:
    """Here to their first images; the history tells who did it, once for both services."""
    first = {name: one["version"] for name, one in facts(shop, PRODUCTION).items()}
    shop.delivery("rollback", "--stack", PRODUCTION)
    assert {name: one["commit"] for name, one in versions(shop, PRODUCTION).items()} == first
    history = shop.delivery("history", "--stack", PRODUCTION)
    (line,) = [line for line in history.splitlines() if released[:7] in line]
    assert "rolled back by " in line
    whole = shop.delivery("history", "--stack", PRODUCTION, released)
    assert all(f"{name}: " in whole for name in SERVICES)


def test_the_first_project_releases_meanwhile_and_stays_when_the_second_one_is_removed(
    workspace: Workspace, connected: Releases, shop: Releases
) -> None:
    """No request fails, nothing of it has changed, and nothing of the second one is left."""
    first = connected.execution_of(connected.git("rev-parse", "HEAD"))
    assert connected.status(first) in ("InProgress", "Succeeded"), connected.told(first)
    urls = {stack: workspace.outputs(stack)["url"] for stack in (STAGING, PRODUCTION)}
    with Load(urls[STAGING], SLOW, rate=10) as staging, Load(urls[PRODUCTION], SLOW, rate=10) as production:
        remove(shop)
    assert (staging.failures, production.failures) == ([], [])
    for stack in (STAGING, PRODUCTION):
        done = workspace.pulumi("preview", "-s", stack, "--diff", "--expect-no-changes")
        assert done.returncode == 0, done.stdout[-4000:]
    families = workspace.client("ecs").list_task_definition_families(familyPrefix=f"{PROJECT}-")["families"]
    parameters = workspace.client("ssm").get_parameters_by_path(Path=f"/{PROJECT}", Recursive=True)["Parameters"]
    assert (families, parameters) == ([], [])


def facts(shop: Releases, stack: str) -> dict[str, Any]:
    """Return a stack's parameters of its services in Parameter Store."""
    ssm = shop.workspace.client("ssm")
    names = {name: f"/{PROJECT}/{stack}/services/{name}" for name in SERVICES}
    return {name: json.loads(ssm.get_parameter(Name=path)["Parameter"]["Value"]) for name, path in names.items()}
