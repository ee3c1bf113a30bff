"""Applications as others write them: released by configuration alone, and without a change of theirs.

`notes` has one unnamed stage, a migration at start, a database by URL, no tests and no version.
`site` is static, `hello` is in Node.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest

from support.load import Load
from tests.local.releases import ORDER, Releases
from tests.local.workspace import PORT, Workspace, copy_of_the_project

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.local
STAGING, PRODUCTION, REPOSITORY = "notes-staging", "notes-prod", "slipway-example/notes"
LOG = '\nopen("/srv/notes.log", "w")\n'
"""What the application does at start that cannot work: it writes beside its own files."""


@pytest.fixture(scope="module")
def space(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a copy of the project with the applications at its top."""
    root = tmp_path_factory.mktemp("new")
    own = {"LOCALCLOUD_STATE": str(workspace.root / ".localcloud")}
    made = Workspace(root, copy_of_the_project(root).environment | own)
    for name in ("notes", "site", "hello"):
        shutil.copytree(root / "tests/apps" / name, root / name)
    return made


@pytest.fixture(scope="module")
def staged(space: Workspace) -> Iterator[Workspace]:
    """Return the copy with `notes` in staging, after two runs of `up` that failed; destroyed at the end."""
    done = space.delivery("init", "notes", "--yes", "--repository", REPOSITORY)
    assert done.returncode == 0, done.stdout
    source = space.root / "notes/notes.py"
    text = source.read_text("utf-8")
    source.write_text(text + LOG, "utf-8")
    dockerfile = space.root / "notes/Dockerfile"
    recipe = dockerfile.read_text("utf-8")
    dockerfile.write_text(f"{recipe}RUN false\n", "utf-8")
    unbuilt = space.pulumi("up", "-s", STAGING, "--yes", "--skip-preview")
    assert unbuilt.returncode != 0
    assert "the image of service 'notes' cannot be built" in unbuilt.stdout
    dockerfile.write_text(recipe, "utf-8")
    failed = space.pulumi("up", "-s", STAGING, "--yes", "--skip-preview")
    assert failed.returncode != 0
    assert (
        "'/srv/notes.log' is on a read-only file system; let it write to /tmp, or add /srv to writable" in failed.stdout
    )
    logs = space.delivery("logs", "--stack", STAGING)
    assert "Read-only file system: '/srv/notes.log'" in logs.stdout, logs.stdout
    status = space.delivery("status", "--stack", STAGING)
    assert (status.returncode, "'/srv/notes.log' is on a read-only file system" in status.stdout) == (1, True)
    source.write_text(text, "utf-8")
    space.up(STAGING)
    yield space
    space.destroy(STAGING)
    space.delivery("clean", "--stack", STAGING)


def test_a_first_up_that_failed_is_repaired_by_the_next_one(staged: Workspace) -> None:
    """What is there now is built and serves; a further `up` changes nothing."""
    url = staged.outputs(STAGING)["url"]
    assert httpx.get(url).status_code == 302
    httpx.post(f"{url}/notes", content="a note")
    assert httpx.get(f"{url}/notes").text == "Notes\na note"
    staged.must("bin/pulumi-local", "preview", "-s", STAGING, "--expect-no-changes")


def test_a_destroy_that_stopped_half_way_is_repaired_by_up(staged: Workspace) -> None:
    """Whatever is gone comes back, and serves."""
    (service,) = [row["urn"] for row in staged.resources(STAGING) if row["type"] == "aws:ecs/service:Service"]
    staged.must("bin/pulumi-local", "destroy", "-s", STAGING, "--yes", "--target", service, "--target-dependents")
    staged.up(STAGING)
    assert httpx.get(f"{staged.outputs(STAGING)['url']}/notes").status_code == 200
    staged.must("bin/pulumi-local", "preview", "-s", STAGING, "--expect-no-changes")


def test_no_password_is_in_the_state_or_in_a_task_definition(staged: Workspace) -> None:
    """The URL is put together when the container starts."""
    secrets = staged.client("secretsmanager")
    values = [
        secrets.get_secret_value(SecretId=row["ARN"])["SecretString"] for row in secrets.list_secrets()["SecretList"]
    ]
    passwords = [json.loads(value)["password"] for value in values if '"password":' in value]
    assert passwords
    state = staged.must("bin/pulumi-local", "stack", "export", "--show-secrets", "-s", STAGING)
    written = [form for word in passwords for form in (word, json.dumps(word)[1:-1], quote(word, safe=""))]
    assert not [form for form in written if form in state]


def test_it_is_released_stopped_when_it_fails_and_rolled_back_under_load(staged: Workspace) -> None:
    """With no failed request; what proved the release is said."""
    connections = staged.client("codeconnections")
    connection = connections.create_connection(ProviderType="GitHub", ConnectionName="notes")["ConnectionArn"]
    assert staged.cloud("connect", "notes").returncode == 0
    secret = token_for_deployments(staged)
    told = {"connection_arn": connection, "github_token_secret_arn": secret, "lambda_compute": True}
    staged.edit(PRODUCTION, lambda config: config["slipway:pipeline"].update(told))
    releases = Releases(staged, f"slipway-{PRODUCTION}", REPOSITORY, PRODUCTION)
    releases.begin()
    assert "checking its health, its route and its checks from outside" in releases.delivery(
        "acceptance", "--stack", STAGING
    )
    staged.up(PRODUCTION)
    try:
        _release_and_roll_back(staged, releases)
    finally:
        staged.destroy(PRODUCTION)
        releases.delivery("clean", "--stack", PRODUCTION)
        connections.delete_connection(ConnectionArn=connection)
        staged.client("secretsmanager").delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)


def token_for_deployments(space: Workspace) -> str:
    """Keep a GitHub token that may write deployments and commit statuses as a secret; returns the secret's ARN."""
    asked = {"repository": REPOSITORY, "permissions": {"deployments": "write", "statuses": "write"}}
    issued = httpx.post(f"http://127.0.0.1:{PORT}/_localcloud/github/tokens", json=asked).json()
    secrets = space.client("secretsmanager")
    return str(secrets.create_secret(Name="notes-github", SecretString=issued["token"])["ARN"])


def deployment(releases: Releases, commit: str, environment: str) -> list[tuple[str, str, str]]:
    """Return state, description and log of each status of a commit's deployment, newest first."""
    headers = {"Authorization": "Bearer any"}
    (found,) = httpx.get(f"{releases.rest}/deployments?sha={commit}&environment={environment}", headers=headers).json()
    statuses = httpx.get(f"{releases.rest}/deployments/{found['id']}/statuses", headers=headers).json()
    return [(one["state"], one["description"], one["log_url"]) for one in statuses]


def environment(space: Workspace, action: dict[str, Any]) -> str:
    """Return the type of the environment that an action's build ran in; empty if it is no build."""
    build = action["output"]["executionResult"].get("externalExecutionId", "")
    found = space.client("codebuild").batch_get_builds(ids=[build])["builds"] if ":" in build else []
    return str(found[0]["environment"]["type"]) if found else ""


def _release_and_roll_back(space: Workspace, releases: Releases) -> None:
    commit = releases.git("rev-parse", "HEAD")
    url = space.outputs(PRODUCTION)["url"]
    with Load(url, "/notes", "/notes", rate=10) as load:
        execution = releases.execution_of(commit)
        releases.approve(execution)
        assert releases.end(execution) == "Succeeded", releases.told(execution)
        assert list(releases.actions(execution)) == ORDER
        kinds = {name: environment(space, action) for name, action in releases.actions(execution).items()}
        assert {name for name, kind in kinds.items() if "LAMBDA" in kind} == {"Staging/Promote"}, kinds
        for stack in (STAGING, PRODUCTION):
            shown = deployment(releases, commit, stack)
            assert [state for state, _, _ in shown] == ["success", "in_progress", "in_progress"], shown
            assert all("/codebuild/projects/" in log for _, _, log in shown), shown
        assert "notes: NO TESTS: there is no notes/bin/test" in releases.log(releases.actions(execution)["Build/Test"])
        status = releases.delivery("status", "--stack", PRODUCTION)
        assert f"{PRODUCTION} serves {commit[:7]}, released " in status
        assert "(proof: digest, health, http)" in status
        bad = releases.push_with({"notes/notes.py": lambda text: text + LOG}, "It writes beside itself")
        execution = releases.execution_of(bad)
        assert releases.end(execution) == "Failed"
        assert "Staging/Acceptance" not in releases.actions(execution)
        state, cause, _ = deployment(releases, bad, STAGING)[0]
        assert (state, "the circuit breaker threshold was exceeded" in cause) == ("failure", True), cause
        status = space.delivery("status", "--stack", PRODUCTION).stdout
        assert (
            "'/srv/notes.log' is on a read-only file system; let it write to /tmp, or add /srv to writable" in status
        ), status
        releases.delivery("rollback", "--stack", PRODUCTION)
    assert load.failures == []
    assert load.answered > 100


def test_a_static_site_behind_nginx_is_checked_in_seconds_and_served(space: Workspace) -> None:
    """What it writes to is found one directory after the other, and named."""
    assert space.delivery("init", "site", "--yes").returncode == 0
    named = ["/tmp"]  # noqa: S108 - a directory of the container
    for folder in ("/var/lib/nginx", "/run", "/var/log/nginx"):
        checked = space.delivery("check-app", "site")
        if checked.returncode == 0:
            break
        assert "is on a read-only file system; let it write to /tmp, or add " in checked.stdout, checked.stdout
        named.append(folder)
        for stack in ("site-staging", "site-prod"):
            space.edit(stack, lambda config: _service(config)["site"].update(writable=list(named)))
    assert space.delivery("check-app", "site").returncode == 0
    _stage(space, "site", "A static page.")


def test_an_application_that_listens_on_port_needs_nothing_but_its_dockerfile(space: Workspace) -> None:
    """In Node, without a database."""
    assert space.delivery("init", "hello", "--yes").returncode == 0
    checked = space.delivery("check-app", "hello")
    assert checked.returncode == 0, checked.stdout
    _stage(space, "hello", "hello")


def _stage(space: Workspace, name: str, text: str) -> None:
    """Bring an application up in staging, where it shows a text and is accepted; destroy it."""
    stack = f"{name}-staging"
    try:
        space.up(stack)
        assert text in httpx.get(space.outputs(stack)["url"]).text
        assert space.delivery("acceptance", "--stack", stack).returncode == 0
    finally:
        space.must("bin/pulumi-local", "destroy", "-s", stack, "--yes", "--skip-preview")
        space.delivery("clean", "--stack", stack)


def _service(config: dict[str, dict[str, dict[str, dict[str, object]]]]) -> dict[str, dict[str, object]]:
    return config["slipway:environment"]["services"]
