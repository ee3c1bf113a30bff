"""Both environments, deployed step by step as a user would, with real containers."""

from __future__ import annotations

import json
import re
import subprocess
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest

from tests.local.releases import version
from tests.local.workspace import NETWORK, changes

if TYPE_CHECKING:
    from tests.local.workspace import Workspace

pytestmark = pytest.mark.local
CONTAINERS = ["docker", "ps", "--filter", f"label=slipway.network={NETWORK}"]


def test_production_is_refused_before_an_image_of_staging_was_accepted(workspace: Workspace, refused: str) -> None:
    """The error is one line that names the command to run, and nothing is created."""
    assert "run: make acceptance STACK=staging, on AWS with CLOUD=aws" in refused
    assert "Traceback" not in refused
    clusters = workspace.client("ecs").list_clusters()["clusterArns"]
    assert [arn.rsplit("/", 1)[1] for arn in clusters] == [workspace.outputs("staging")["cluster"]]


def test_acceptance_marks_the_digest_that_staging_runs(
    workspace: Workspace, staging: dict[str, Any], accepted: str
) -> None:
    """It has the accepted- tag."""
    digest = version(workspace, "staging")["digest"]
    assert digest in accepted
    name = staging["repository_urls"]["web"].split("/", 1)[1]
    found = workspace.client("ecr").describe_images(repositoryName=name, imageIds=[{"imageDigest": digest}])
    assert [tag for tag in found["imageDetails"][0]["imageTags"] if tag.startswith("accepted-")]


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_the_url_answers_from_a_container_with_the_accepted_digest(
    workspace: Workspace, production: dict[str, Any], accepted: str, stack: str
) -> None:
    """The application and Docker both report it."""
    digest = version(workspace, stack)["digest"]
    assert digest in accepted
    assert digest == httpx.get(production["url"] + "/version").json()["digest"]
    running = subprocess.check_output([*CONTAINERS, "--format", "{{.Image}}"], text=True).split()
    digests = subprocess.check_output(["docker", "inspect", "--format", "{{.RepoDigests}}", *running], text=True)
    assert f"slipway/web@{digest}" in digests


@pytest.mark.usefixtures("production")
def test_acceptance_passes_against_production_with_its_browser(workspace: Workspace) -> None:
    """The same suite runs against the second environment."""
    done = workspace.delivery("acceptance", "--stack", "prod")
    assert done.returncode == 0, done.stdout[-4000:]
    assert version(workspace, "prod")["digest"] in done.stdout
    report = (workspace.root / "reports/prod/web/acceptance.xml").read_text("utf-8")
    assert "browser" in report
    assert not re.search(r'(?:failures|errors|skipped)="[1-9]', report)


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("stack", ["staging", "prod"])
@pytest.mark.parametrize("command", ["up", "refresh"])
def test_a_second_run_changes_nothing(workspace: Workspace, stack: str, command: str) -> None:
    """Despite the registry's token, which differs on every call; test_release covers `preview`."""
    done = workspace.pulumi(command, "-s", stack, "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout
    counted = changes(done.stdout)
    assert counted.pop("unchanged") > 30, done.stdout
    assert counted == {}, done.stdout


def test_the_registry_token_changes_on_every_call(workspace: Workspace) -> None:
    """As on AWS; else the previous test would prove nothing."""
    ecr = workspace.client("ecr")
    tokens = {ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"] for _ in range(3)}
    assert len(tokens) == 3


def test_entries_survive_the_replacement_of_their_task(workspace: Workspace, staging: dict[str, Any]) -> None:
    """Entries are stored in PostgreSQL, not in the container."""
    api = staging["url"] + "/api/entries"
    text = f"written at {time.time_ns()}"
    assert httpx.post(api, json={"author": "test", "message": text}).status_code == 201
    ecs, names = workspace.client("ecs"), {"cluster": staging["cluster"], "serviceName": staging["services"]["web"]}
    before = ecs.list_tasks(**names)["taskArns"]
    for task in before:
        ecs.stop_task(cluster=staging["cluster"], task=task)
    ecs.get_waiter("services_stable").wait(
        cluster=staging["cluster"], services=[names["serviceName"]], WaiterConfig={"Delay": 1, "MaxAttempts": 90}
    )
    assert not set(before) & set(ecs.list_tasks(**names)["taskArns"])
    assert text in answer_within(60, api).text


def answer_within(seconds: float, url: str) -> httpx.Response:
    """Return the first response other than the load balancer's 503, which it returns until a new task is healthy."""
    deadline = time.monotonic() + seconds
    while (answer := httpx.get(url)).status_code == 503 and time.monotonic() < deadline:
        time.sleep(0.5)
    return answer


def test_a_changed_variable_is_just_that_change(workspace: Workspace, staging: dict[str, Any]) -> None:
    """`preview` only shows the template task definition, which the next release uses; test_preview changes a size."""
    path = workspace.root / "Pulumi.staging.yaml"
    before = path.read_text("utf-8")

    def change(config: dict[str, Any]) -> None:
        config["slipway:environment"]["services"]["web"]["environment"] = {"GREETING": "hello"}

    try:
        workspace.edit("staging", change)
        done = workspace.pulumi("preview", "-s", "staging", "--diff")
    finally:
        path.write_text(before, "utf-8")
    assert done.returncode == 0, done.stdout
    counted = changes(done.stdout)
    counted.pop("unchanged")
    assert counted == {"replace": 1}, done.stdout
    assert staging["template_families"]["web"] in done.stdout


@pytest.mark.usefixtures("production")
def test_nothing_secret_is_in_outputs_state_logs_arguments_or_images(workspace: Workspace) -> None:
    """Database passwords and the state's passphrase never appear in plain text; the registry's token is encrypted."""
    manager = workspace.client("secretsmanager")
    names = [secret["ARN"] for secret in manager.list_secrets()["SecretList"]]
    values = [manager.get_secret_value(SecretId=name)["SecretString"] for name in names]
    passwords = [json.loads(value)["password"] for value in values if '"password":' in value]
    assert len(passwords) == 2
    secrets = [*passwords, (workspace.root / ".localcloud/passphrase").read_text("utf-8")]
    places = {
        "outputs": "".join(str(workspace.outputs(stack)) for stack in ("staging", "prod")),
        "arguments": subprocess.check_output(["ps", "axww", "-o", "args"], text=True),
    }
    for kind, pattern in (("state", "pulumi/**/*.json*"), ("log", "log/*"), ("stacks", "stacks/*.yaml")):
        for path in (workspace.root / ".localcloud").glob(pattern):
            if path.is_file():
                places[f"{kind} {path.name}"] = path.read_text("utf-8", "replace")
    for image in subprocess.check_output([*CONTAINERS, "--format", "{{.Image}}"], text=True).split():
        places[f"image {image}"] = subprocess.check_output(["docker", "history", "--no-trunc", image], text=True)
    logs = workspace.client("logs")
    for group in (f"/slipway/{stack}/web" for stack in ("staging", "prod")):
        places[group] = str(logs.filter_log_events(logGroupName=group)["events"])
    written = {form for secret in secrets for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe=""))}
    found = [place for place, text in places.items() for secret in written if secret in text]
    assert found == []
    state = next(text for place, text in places.items() if place == "state staging.json")
    assert re.search(r'"authConfig": ?{[^}]*"password": ?{[^}]*"ciphertext"', state)


@pytest.mark.usefixtures("production")
def test_nothing_listens_beyond_loopback_and_the_docker_network(workspace: Workspace) -> None:
    """Checks the local cloud's process and Docker's published ports."""
    network = subprocess.check_output(
        ["docker", "network", "inspect", NETWORK, "--format", "{{(index .IPAM.Config 0).Gateway}}"], text=True
    ).strip()
    pid = workspace.cloud("status", "--json").stdout
    listening = subprocess.check_output(["ss", "-Htlnp"], text=True).splitlines()
    process = re.search(r'"pid": (\d+)', pid)
    assert process, pid
    mine = [line.split()[3] for line in listening if f"pid={process[1]}," in line]
    assert {address.rsplit(":", 1)[0] for address in mine} == {"127.0.0.1", network}
    ports = subprocess.check_output([*CONTAINERS, "--format", "{{.Ports}}"], text=True)
    assert "0.0.0.0:" not in ports
