"""A malicious pull request that tries to deploy: its checks have only their role's few permissions."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.local.releases import PIPELINE, REPOSITORY, RUN_SECONDS, Releases, log_of
from tests.local.workspace import PORT

if TYPE_CHECKING:
    from tests.local.fault_table import Faults
    from tests.local.workspace import Workspace

pytestmark = pytest.mark.local
CHECKS = f"{PIPELINE}-checks"
BUILD = f"{PIPELINE}-build"
SECONDS = 240
ATTEMPTS = 47
"""The number of attempts: none may be omitted by mistake."""
DENIED = r"(AccessDenied|AccessDeniedException|AuthorizationError) .* is not authorized to perform"
OUTCOMES = {
    "its own role": r"arn:aws:sts::\d+:assumed-role/prod-checks-.*",
    "what checks may": "DONE",
    "operator's key": "(UnrecognizedClientException|InvalidClientTokenId|InvalidAccessKeyId) .*",
    "no key": "403 .*",
    "control": "403 .*",
    "push to main": "RuntimeError .*403.*",
    "set its own status": "403 .*",
    "push an image by Docker": "RuntimeError .*(no basic auth|denied|unauthorized).*",
    "pull an image by Docker": "RuntimeError .*(no basic auth|denied|unauthorized).*",
    "image": "(401|403) .*",
}
"""Outcomes of attempts that the role's policies do not refuse, by the prefix of their names."""
DOCKERFILE = """ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
ARG AT
ARG BUILD
COPY tests/unit/test_evil.py /
RUN echo "$BUILD" && python3 /test_evil.py "$AT"
"""
IN_IMAGE = '''"""Tries from within an image that is built, as any test in it could."""

import sys
import urllib.error
import urllib.request

KEY = "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/{}/aws4_request, SignedHeaders=host, Signature=0"
TRIES = {
    "image, operator's key": ("/", {"Authorization": KEY.format("ecs"), "X-Amz-Target":
                              "AmazonEC2ContainerServiceV20141113.ListClusters"}, b"{}"),
    "image, artifacts": ("/BUCKET", {"Authorization": KEY.format("s3")}, None),
    "image, no key": ("/BUCKET", {}, None),
    "image, control": ("/_localcloud/clock/", {}, b"3600"),
    "image, registry": ("/v2/", {}, None),
}
for name, (path, headers, data) in TRIES.items():
    try:
        urllib.request.urlopen(urllib.request.Request(sys.argv[1] + path, data=data, headers=headers), timeout=10)
        print(f"attempt {name}: DONE")
    except urllib.error.HTTPError as error:
        print(f"attempt {name}: {error.code} {error.reason}")
'''
NO_TOKEN = "00000000-0000-4000-8000-000000000000"
SPEC = "version: 0.2\nphases: {build: {commands: [echo the-buildspec-of-the-change]}}\n"


def targets(workspace: Workspace, connected: Releases, execution: str) -> dict[str, Any]:
    """Return the names of all targets of the attack, as known to an attacker."""
    staging, prod = workspace.outputs("staging"), workspace.outputs("prod")
    structure = connected.pipeline.get_pipeline(name=PIPELINE)["pipeline"]
    state = connected.pipeline.get_pipeline_state(name=PIPELINE)
    approval = next(row for row in state["stageStates"] if row["stageName"] == "Approval")
    projects = workspace.client("codebuild").batch_get_projects(names=[BUILD, CHECKS])["projects"]
    roles = {row["name"]: row["serviceRole"] for row in projects}
    groups = {row["name"]: row["logsConfig"]["cloudWatchLogs"]["groupName"] for row in projects}
    registry = staging["repository_urls"]["web"]
    service = {"cluster": prod["cluster"], "services": [prod["services"]["web"]]}
    running = workspace.client("ecs").describe_services(**service)["services"][0]["taskDefinition"]
    definition = workspace.client("ecs").describe_task_definition(taskDefinition=running)["taskDefinition"]
    images = workspace.client("ecr").describe_images(repositoryName=registry.split("/", 1)[1])["imageDetails"]
    return {
        "bucket": structure["artifactStore"]["location"],
        "build_project": BUILD,
        "build_role": roles[BUILD],
        "checks": CHECKS,
        "checks_role": roles[CHECKS].rpartition("/")[2],
        "execution": execution,
        "family": definition["family"],
        "github": REPOSITORY,
        "head": connected.git("rev-parse", "HEAD"),
        "log_group": groups[BUILD],
        "pipeline": PIPELINE,
        "prod": prod["cluster"],
        "prod_service": prod["services"]["web"],
        "registry": registry,
        "repository": registry.split("/", 1)[1],
        "secret": workspace.client("secretsmanager").list_secrets()["SecretList"][0]["ARN"],
        "staging": staging["cluster"],
        "staging_service": staging["services"]["web"],
        "structure": structure,
        "tag": images[0]["imageTags"][0],
        "task_role": definition["taskRoleArn"],
        "token": approval["actionStates"][0]["latestExecution"].get("token", NO_TOKEN),
        "topic": workspace.client("sns").list_topics()["Topics"][0]["TopicArn"],
    }


def seen(workspace: Workspace, connected: Releases, names: dict[str, Any]) -> dict[str, Any]:
    """Return the state that the attack could have changed."""
    ecs, ssm = workspace.client("ecs"), workspace.client("ssm")
    services = [
        ecs.describe_services(cluster=names[env], services=[names[f"{env}_service"]])["services"][0]
        for env in ("staging", "prod")
    ]
    images = workspace.client("ecr").describe_images(repositoryName=names["repository"])["imageDetails"]
    executions = connected.pipeline.list_pipeline_executions(pipelineName=PIPELINE)["pipelineExecutionSummaries"]
    policy = workspace.client("iam").list_role_policies(RoleName=names["checks_role"])["PolicyNames"]
    objects = workspace.client("s3").list_objects_v2(Bucket=names["bucket"])["Contents"]
    return {
        "services": [(row["taskDefinition"], len(row["deployments"]), row["desiredCount"]) for row in services],
        "tags": sorted(tag for image in images for tag in image.get("imageTags", [])),
        "executions": [(row["pipelineExecutionId"], row["status"]) for row in executions],
        "pipeline": connected.pipeline.get_pipeline(name=PIPELINE)["pipeline"]["version"],
        "transitions": [
            row.get("inboundTransitionState", {}).get("enabled")
            for row in connected.pipeline.get_pipeline_state(name=PIPELINE)["stageStates"]
        ],
        "projects": workspace.client("codebuild").batch_get_projects(names=[BUILD, CHECKS])["projects"],
        "builds": workspace.client("codebuild").list_builds_for_project(projectName=BUILD)["ids"],
        "policies": policy,
        "users": workspace.client("iam").list_users()["Users"],
        "parameters": [
            (row["Name"], row["Value"], row["Version"])
            for row in ssm.get_parameters_by_path(Path="/slipway", Recursive=True)["Parameters"]
        ],
        "objects": sorted(row["Key"] for row in objects),
        "main": httpx.get(f"{connected.rest}/branches/main").json()["commit"]["sha"],
    }


def pushed(workspace: Workspace, connected: Releases, files: dict[str, str]) -> str:
    """Push a commit with these files to a branch, open a pull request, and restore the working tree."""
    before = {name: (workspace.root / name).read_text("utf-8") for name in files if (workspace.root / name).exists()}
    try:
        for name, text in files.items():
            (workspace.root / name).write_text(text, "utf-8")
        commit = connected.push("Only a small fix", branch="fix")
    finally:
        for name in files:
            (workspace.root / name).unlink()
        for name, text in before.items():
            (workspace.root / name).write_text(text, "utf-8")
        connected.git("reset", "--quiet", "HEAD~1")
    asked = {"title": "A small fix", "head": "fix", "base": "main", "body": "Please merge"}
    answer = httpx.post(f"{connected.rest}/pulls", json=asked, headers={"Authorization": "token any"})
    assert answer.status_code == httpx.codes.CREATED, answer.text
    return commit


def builds_of(workspace: Workspace, commit: str) -> list[dict[str, Any]]:
    """Wait for the checks of a commit, those of its push and of its pull request, and return their builds."""
    codebuild, end = workspace.client("codebuild"), time.monotonic() + SECONDS
    while time.monotonic() < end:
        ids = codebuild.list_builds_for_project(projectName=CHECKS)["ids"]
        rows = codebuild.batch_get_builds(ids=ids[:20])["builds"] if ids else []
        mine = [row for row in rows if row.get("resolvedSourceVersion") == commit]
        if mine and all(row["buildComplete"] for row in rows):
            return mine
        time.sleep(0.3)
    raise AssertionError(f"the checks of {commit} did not end within {SECONDS} s")


def at_rest(connected: Releases, execution: str) -> None:
    """Wait until an execution waits for approval or has ended, so that only the attack is active from then on."""
    end = time.monotonic() + RUN_SECONDS
    while time.monotonic() < end:
        waits = connected.actions(execution).get("Approval/Approve", {}).get("status") == "InProgress"
        if waits or connected.status(execution) != "InProgress":
            return
        time.sleep(0.3)
    raise AssertionError(f"the execution {execution} neither waits nor ends: {connected.told(execution)}")


def test_a_hostile_pull_request_changes_nothing_and_reads_no_secret(
    workspace: Workspace, connected: Releases, faults: Faults
) -> None:
    """It rewrites buildspecs, delivery, Dockerfile and tests; each attempt is refused, and its status is a failure."""
    execution = connected.execution_of(connected.git("rev-parse", "HEAD"))
    at_rest(connected, execution)
    names = targets(workspace, connected, execution)
    before = seen(workspace, connected, names)
    secret = workspace.client("secretsmanager").get_secret_value(SecretId=names["secret"])["SecretString"]
    password = json.loads(secret)["password"]
    with faults.row("a pull request that rewrites buildspecs, delivery, Dockerfile and tests") as row:
        commit = pushed(workspace, connected, {
            "delivery/__main__.py": (Path(__file__).parent / "attack.py").read_text("utf-8"),
            "delivery/targets.json": json.dumps(names, default=str),
            **{f"delivery/buildspecs/{name}.yml": SPEC for name in ("checks", "test", "build", "deploy")},
            "app/Dockerfile": DOCKERFILE,
            "app/tests/unit/test_evil.py": IN_IMAGE.replace("BUCKET", names["bucket"]),
        })  # fmt: skip
        for build in builds_of(workspace, commit):
            log = log_of(workspace, build)
            assert build["buildStatus"] == "FAILED", log[-3000:]
            found = dict(re.findall(r"^attempt ([^\n]*?): (.*)$", log, re.MULTILINE))
            wrong = {name: said for name, said in found.items() if not re.fullmatch(expected(name), said)}
            assert wrong == {}, log[-6000:]
            assert len(found) == ATTEMPTS, sorted(found)
            assert password not in log
            assert "the-buildspec-of-the-change" not in log
            assert re.search("Running command .* -m delivery test", log)
        row.stopped(f"{ATTEMPTS} attempts refused")
        assert seen(workspace, connected, names) == before
    status = httpx.get(f"http://127.0.0.1:{PORT}/api/v3/repos/{REPOSITORY}/commits/{commit}/status").json()
    assert (status["state"], status["statuses"][0]["context"]) == ("failure", "slipway/checks")


def expected(name: str) -> str:
    """Return the pattern of an attempt's expected outcome."""
    return next((pattern for begin, pattern in OUTCOMES.items() if name.startswith(begin)), f"{DENIED}.*")
