"""The comment of `delivery preview` on a pull request of the local GitHub."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from delivery.previews import stack_previews
from delivery.previews.comment_text import MARKER
from support.github_client import Clone, Site
from tests.local.workspace import PORT

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.local.workspace import Workspace

pytestmark = pytest.mark.local
STAGING = "Pulumi.staging.yaml"
ISSUER = "token.actions.githubusercontent.com"
ACCOUNT = "000000000000"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class Pull:
    """A pull request whose branch has the workspace's files."""

    def __init__(self, workspace: Workspace, folder: Path) -> None:
        """Push the workspace's stack file as the base branch of a separate repository without webhooks."""
        self._workspace, self._number = workspace, 0
        self._site = Site(f"http://127.0.0.1:{PORT}", f"slipway-example/{folder.parent.name}")
        self._clone = Clone(folder, self._site.url)
        self._push("main")

    def change(self, **sizes: tuple[int, int]) -> str:
        """Change sizes in the workspace's stack file (from, to) and push them; returns the commit.

        The first change opens the pull request.
        """
        path = self._workspace.root / STAGING
        for key, (before, after) in sizes.items():
            text = path.read_text("utf-8")
            assert f"{key}: {before}" in text
            path.write_text(text.replace(f"{key}: {before}", f"{key}: {after}"), "utf-8")
        commit = self._push("change")
        if not self._number:
            made = self._site.call("POST", "{}/pulls", 201, title="T", head="change", base="main")
            self._number = int(made["number"])
        return commit

    def _push(self, branch: str) -> str:
        commit = self._clone.commit("A change", **{STAGING: (self._workspace.root / STAGING).read_text("utf-8")})
        self._clone.push(f"HEAD:{branch}")
        return commit

    def preview(self, commit: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `delivery preview` for the pull request."""
        where = ("--repository", self._site.repository, "--pull-request", str(self._number), "--commit", commit)
        return self._workspace.delivery("preview", *where, *arguments)

    def comments(self) -> list[dict[str, Any]]:
        """Return the pull request's comments."""
        return list(self._site.call("GET", f"{{}}/issues/{self._number}/comments", 200))

    def write(self, body: str) -> None:
        """Add a comment to the pull request, as a user."""
        self._site.call("POST", f"{{}}/issues/{self._number}/comments", 201, body=body)


@pytest.fixture
def stack_file(workspace: Workspace) -> Iterator[None]:
    """Restores the workspace's stack file."""
    path = workspace.root / STAGING
    held = path.read_text("utf-8")
    yield
    path.write_text(held, "utf-8")


@pytest.mark.usefixtures("connected", "stack_file")
def test_a_pull_request_has_one_comment_that_follows_its_pushes(workspace: Workspace, tmp_path: Path) -> None:
    """The comment shows each stack's changes; the preview of an older commit does not update it."""
    pull = Pull(workspace, tmp_path / "clone")
    first = pull.change(cpu=(256, 512), memory=(512, 1024))
    pull.write("Looks good")
    done = pull.preview(first)
    assert done.returncode == 0, done.stdout
    _, made = pull.comments()
    assert made["body"].startswith(MARKER)
    assert first[:12] in made["body"]
    assert "**`staging`** `+-` 1 replace" in made["body"]
    assert "- **replaced**: `staging-web-template` `aws:ecs/taskDefinition:TaskDefinition`" in made["body"]
    assert '~ cpu: "256" -> "512"' in made["body"]
    assert "**`prod`** no changes" in made["body"]

    second = pull.change(cpu=(512, 1024), memory=(1024, 2048))
    done = pull.preview(second, "--stack", "staging")
    assert done.returncode == 0, done.stdout
    _, updated = pull.comments()
    assert updated["id"] == made["id"]
    assert second[:12] in updated["body"]
    assert '~ cpu: "256" -> "1024"' in updated["body"]

    saved = tmp_path / "late.json"
    stack_previews.save(saved, [stack_previews.StackPreview(stack="staging", failed=False)])
    late = pull.preview(first, "--from", str(saved))
    assert late.returncode == 0, late.stdout
    assert "the comment is left to that commit's preview" in late.stdout
    assert pull.comments()[1] == updated


@pytest.mark.usefixtures("connected", "stack_file")
def test_a_change_that_breaks_one_stack_is_shown_beside_the_other(workspace: Workspace, tmp_path: Path) -> None:
    """By two jobs as in GitHub Actions, one that previews and one that comments, each with its own exit code."""
    pull = Pull(workspace, tmp_path / "clone")
    commit = pull.change(cpu=(256, 300))
    done = workspace.delivery("preview", "--save", str(tmp_path / "preview.json"))
    assert done.returncode == 1, done.stdout
    assert "staging: failed" in done.stdout
    assert "prod: no changes" in done.stdout
    done = pull.preview(commit, "--from", str(tmp_path / "preview.json"))
    assert done.returncode == 1, done.stdout
    (comment,) = pull.comments()
    assert "**`staging`** :x: **the preview failed**" in comment["body"]
    assert "slipway:environment.services.web.cpu is 300; Fargate allows 256, 512" in comment["body"]
    assert "**`prod`** no changes" in comment["body"]
    done = pull.preview(commit, "--from", str(tmp_path / "missing.json"))
    assert done.returncode == 1, done.stdout
    (comment,) = pull.comments()
    assert "missing.json cannot be read" in comment["body"]


@pytest.fixture
def provider(workspace: Workspace) -> Iterator[str]:
    """The ARN of the account's OIDC provider for GitHub."""
    iam = workspace.client("iam")
    made = iam.create_open_id_connect_provider(Url=f"https://{ISSUER}", ClientIDList=["sts.amazonaws.com"])
    yield made["OpenIDConnectProviderArn"]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=made["OpenIDConnectProviderArn"])


@pytest.fixture
def role(workspace: Workspace, provider: str) -> Iterator[str]:  # noqa: ARG001 - the stack looks it up
    """The name of the role for previews, which staging declares."""
    section = {"repository": "slipway-example/slipway", "state_bucket": "slipway-state"}
    path = workspace.root / STAGING
    before = path.read_text("utf-8")
    workspace.edit("staging", lambda config: config.update({"slipway:previews": section}))
    try:
        workspace.up("staging")
        yield workspace.outputs("staging")["preview_role"].rsplit("/", 1)[-1]
    finally:
        path.write_text(before, "utf-8")
        workspace.up("staging")


@pytest.fixture
def reader(workspace: Workspace, role: str) -> Iterator[dict[str, str]]:
    """Credentials with the permissions of the role for previews, by a copy that trusts this account, not GitHub."""
    iam = workspace.client("iam")
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    rights = json.dumps(iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"])
    trust = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    copy = iam.create_role(RoleName="preview-reader", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.put_role_policy(RoleName="preview-reader", PolicyName="rights", PolicyDocument=rights)
    given = workspace.client("sts").assume_role(RoleArn=copy, RoleSessionName="reader")["Credentials"]
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    yield dict(zip(KEYS, (given[name] for name in names), strict=True))
    iam.delete_role_policy(RoleName="preview-reader", PolicyName="rights")
    iam.delete_role(RoleName="preview-reader")


@pytest.mark.usefixtures("connected", "stack_file")
def test_the_role_of_previews_may_do_what_previews_do_and_no_more(
    workspace: Workspace, role: str, reader: dict[str, str], tmp_path: Path
) -> None:
    """It suffices to preview both stacks; it cannot change anything or read secrets, and only GitHub can assume it."""
    script = shlex.join([sys.executable, str(workspace.root / "tests/local/pulumi_as.py")])
    workspace.environment["PULUMI_AS"] = json.dumps(reader)
    done = workspace.delivery("preview", "--pulumi", script, "--save", str(tmp_path / "preview.json"))
    del workspace.environment["PULUMI_AS"]
    assert done.returncode == 0, done.stdout
    assert [(one.stack, one.changes) for one in stack_previews.load(tmp_path / "preview.json")] == [
        ("prod", ()),
        ("staging", ()),
    ]
    held = boto3.Session(*(reader[key] for key in KEYS), region_name="eu-central-1")
    endpoint = f"http://127.0.0.1:{PORT}"
    secret = workspace.client("secretsmanager").list_secrets()["SecretList"][0]["ARN"]
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    refused: list[tuple[Any, str, dict[str, str]]] = [
        (held.client("secretsmanager", endpoint_url=endpoint), "get_secret_value", {"SecretId": secret}),
        (held.client("ssm", endpoint_url=endpoint), "get_parameters_by_path", {"Path": "/another-project"}),
        (held.client("ecs", endpoint_url=endpoint), "update_service", {"cluster": "slipway-staging", "service": "x"}),
        (held.client("ecr", endpoint_url=endpoint), "initiate_layer_upload", {"repositoryName": "slipway/web"}),
        (workspace.client("sts"), "assume_role", {"RoleArn": arn, "RoleSessionName": "me"}),
    ]
    for client, operation, asked in refused:
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(client, operation)(**asked)
    trust = workspace.client("iam").get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    conditions = {
        f"{ISSUER}:aud": "sts.amazonaws.com",
        f"{ISSUER}:sub": "repo:slipway-example/slipway:environment:previews",
    }
    assert [one["Condition"] for one in trust] == [{"StringEquals": conditions}]
