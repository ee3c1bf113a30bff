"""A pull request on the local GitHub, and what `delivery preview` shows a reviewer there."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from delivery import preview_model
from delivery.preview_text import MARKER
from tests.contract.github_client import Clone, Site
from tests.local.workspace import PORT

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.local.workspace import Workspace

pytestmark = pytest.mark.local
STAGING = "Pulumi.staging.yaml"
ISSUER = "token.actions.githubusercontent.com"
# What AWS lets everybody ask, and what the provider can do without (it asks STS when IAM refuses).
NEEDS_NO_RIGHT = {"sts:GetCallerIdentity", "iam:GetUser"}


class Pull:
    """A pull request, whose branch is what the workspace has."""

    def __init__(self, workspace: Workspace, folder: Path) -> None:
        """Push the workspace's stack file as the base; of a repository of its own, whose webhooks start no builds."""
        self._workspace, self._number = workspace, 0
        self._site = Site(f"http://127.0.0.1:{PORT}", f"slipway-example/{folder.parent.name}")
        self._clone = Clone(folder, self._site.url)
        self._push("main")

    def change(self, **sizes: tuple[int, int]) -> str:
        """Change sizes in the workspace's stack file, from and to, and push that; returns the commit.

        The pull request is opened by the first.
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
        """Run `delivery preview` for it."""
        where = ("--repository", self._site.repository, "--pull-request", str(self._number), "--commit", commit)
        return self._workspace.delivery("preview", *where, *arguments)

    def comments(self) -> list[dict[str, Any]]:
        """Return its comments."""
        return list(self._site.call("GET", f"{{}}/issues/{self._number}/comments", 200))

    def write(self, body: str) -> None:
        """Comment on it as somebody does."""
        self._site.call("POST", f"{{}}/issues/{self._number}/comments", 201, body=body)


@pytest.fixture
def stack_file(workspace: Workspace) -> Iterator[None]:
    """Puts the workspace's stack file back."""
    path = workspace.root / STAGING
    held = path.read_text("utf-8")
    yield
    path.write_text(held, "utf-8")


@pytest.mark.usefixtures("connected", "stack_file")
def test_a_pull_request_has_one_comment_that_follows_its_pushes(workspace: Workspace, tmp_path: Path) -> None:
    """It names the change of each stack; the preview of an older commit does not touch it."""
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
    preview_model.save(saved, [preview_model.StackPreview(stack="staging", failed=False)])
    late = pull.preview(first, "--from", str(saved))
    assert late.returncode == 0, late.stdout
    assert "the comment is left to that commit's preview" in late.stdout
    assert pull.comments()[1] == updated


@pytest.mark.usefixtures("connected", "stack_file")
def test_a_change_that_breaks_one_stack_is_shown_beside_the_other(workspace: Workspace, tmp_path: Path) -> None:
    """By two jobs, as in GitHub Actions: one previews, one comments; both end with an exit code of their own."""
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
    """The account's OIDC provider for GitHub: its ARN."""
    iam = workspace.client("iam")
    made = iam.create_open_id_connect_provider(Url=f"https://{ISSUER}", ClientIDList=["sts.amazonaws.com"])
    yield made["OpenIDConnectProviderArn"]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=made["OpenIDConnectProviderArn"])


@pytest.mark.usefixtures("connected", "stack_file")
def test_the_role_of_previews_may_do_what_previews_do(workspace: Workspace, provider: str, tmp_path: Path) -> None:
    """Every AWS call of both stacks' previews is in its policy; only one GitHub environment may take it."""
    section = {"repository": "slipway-example/slipway", "state_bucket": "slipway-state"}
    path = workspace.root / STAGING
    before = path.read_text("utf-8")
    workspace.edit("staging", lambda config: config.update({"slipway:previews": section}))
    workspace.up("staging")
    try:
        name = workspace.outputs("staging")["preview_role"].rsplit("/", 1)[-1]
        iam = workspace.client("iam")
        trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"]
        assert [(one["Principal"], one["Condition"]) for one in trust] == [
            (
                {"Federated": provider},
                {
                    "StringEquals": {
                        f"{ISSUER}:aud": "sts.amazonaws.com",
                        f"{ISSUER}:sub": "repo:slipway-example/slipway:environment:previews",
                    }
                },
            )
        ]
        (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
        document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        may = {action for one in document["Statement"] for action in one["Action"]}
        began = time.time()
        done = workspace.delivery("preview", "--save", str(tmp_path / "preview.json"))
        assert done.returncode == 0, done.stdout
        asked = calls(workspace, began)
        assert "iam:ListOpenIDConnectProviders" in asked, "the log tells what was called"
        assert asked - NEEDS_NO_RIGHT <= may
    finally:
        path.write_text(before, "utf-8")
        workspace.up("staging")


def calls(workspace: Workspace, since: float) -> set[str]:
    """Return the AWS calls of previews since a time, as IAM names them."""
    log = (workspace.root / ".localcloud/log/requests.jsonl").read_text("utf-8")
    found = [json.loads(line) for line in log.splitlines()]
    return {
        f"{one['service']}:{one['operation']}" for one in found if one["time"] >= since and "HashiCorp" in one["agent"]
    }
