"""Webhooks: only commits and pull requests of the local GitHub start builds."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.exceptions import ClientError

from support.building import Workshop, context, workshop
from support.github_client import Clone, Site
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cloud import Cloud

CONNECTION = "arn:aws:codeconnections:eu-central-1:000000000000:connection/00000000-0000-0000-0000-000000000000"
SPEC = """version: 0.2
phases:
  build:
    commands:
      - echo "trigger $CODEBUILD_WEBHOOK_TRIGGER event $CODEBUILD_WEBHOOK_EVENT ref $CODEBUILD_WEBHOOK_HEAD_REF"
      - test "$(git rev-parse HEAD)" = "$CODEBUILD_RESOLVED_SOURCE_VERSION"
      - ./check
"""
GROUPS = [
    [{"type": "EVENT", "pattern": "PUSH"}, {"type": "HEAD_REF", "pattern": "^refs/heads/.*"}],
    [{"type": "EVENT", "pattern": "PULL_REQUEST_CREATED,PULL_REQUEST_UPDATED,PULL_REQUEST_REOPENED"}],
]


@pytest.fixture
def shop(cloud: Cloud) -> Iterator[Workshop]:
    """CodeBuild."""
    yield from workshop(cloud)


@pytest.fixture
def site(cloud: Cloud, request: pytest.FixtureRequest) -> Site:
    """A separate repository for each test."""
    name = request.node.name.partition("[")[0].replace("_", "-")[:60]
    return Site(f"http://127.0.0.1:{cloud.environment['LOCALCLOUD_PORT']}", f"contract/{name}")


def prepared(shop: Workshop, site: Site, name: str, **more: Any) -> dict[str, Any]:
    """Create a project for a repository, and a webhook that is registered at GitHub; returns the webhook."""
    source = {
        "type": "GITHUB",
        "location": f"https://github.com/{site.repository}.git",
        "buildspec": SPEC,
        "auth": {"type": "CODECONNECTIONS", "resource": CONNECTION},
        "buildStatusConfig": {"context": "contract/checks"},
    }
    shop.project(name, source=source)
    arguments = {"projectName": name, "manualCreation": True, "filterGroups": GROUPS} | more
    hook = dict(shop.api.create_webhook(**arguments)["webhook"])
    site.make()
    config = {"url": hook["payloadUrl"], "content_type": "json", "secret": hook["secret"]}
    site.call("POST", "{}/hooks", 201, config=config, events=["push", "pull_request"])
    return hook


def builds(shop: Workshop, name: str, count: int) -> list[dict[str, Any]]:
    """Wait until a project has a number of builds and all have ended; returns them, oldest first."""

    def ids() -> list[str]:
        return list(shop.api.list_builds_for_project(projectName=name, sortOrder="ASCENDING")["ids"])

    until(lambda: len(ids()) >= count)
    return [shop.wait(each) for each in ids()]


def post(hook: dict[str, Any], payload: object, kind: str = "push", **headers: str) -> httpx.Response:
    """Post a delivery as GitHub does."""
    body = json.dumps(payload).encode()
    sign = hmac.new(hook["secret"].encode(), body, hashlib.sha256).hexdigest()
    own = {"x-github-event": kind, "x-github-delivery": f"{time.time_ns()}", "x-hub-signature-256": f"sha256={sign}"}
    return httpx.post(hook["payloadUrl"], content=body, headers=own | headers, timeout=5, trust_env=False)


def push(site: Site, **more: object) -> dict[str, Any]:
    """Return GitHub's payload of a push to main."""
    told: dict[str, Any] = {
        "ref": "refs/heads/main",
        "before": "0" * 40,
        "after": "1" * 40,
        "head_commit": {"id": "1" * 40, "message": "Message"},
        "commits": [{"added": ["docs/a.md"], "modified": [], "removed": []}],
        "repository": {"full_name": site.repository},
        "sender": {"login": "ann", "id": 7},
    }
    return told | more


def test_pushes_and_pull_requests_start_builds_that_report_their_status(
    shop: Workshop, site: Site, tmp_path: Path
) -> None:
    """One build for each, of the exact commit, with AWS's variables; the commit status is the build's outcome."""
    prepared(shop, site, "contract-hook")
    clone = Clone(tmp_path / "clone", site.url)
    clone.commit("One", check="#!/bin/sh\nexit 0\n")
    clone.git("update-index", "--chmod=+x", "check")
    (clone.folder / "check").chmod(0o755)
    good = clone.commit("Executable")
    clone.push()
    first = builds(shop, "contract-hook", 1)[0]
    assert first["buildStatus"] == "SUCCEEDED", shop.text(first)
    assert first["resolvedSourceVersion"] == good
    assert "trigger branch/main event PUSH ref refs/heads/main" in shop.log(first)
    clone.git("checkout", "--quiet", "-b", "topic")
    bad = clone.commit("Two", check="#!/bin/sh\nexit 1\n")
    clone.push("topic")
    assert builds(shop, "contract-hook", 2)[1]["buildStatus"] == "FAILED"
    pull = site.call("POST", "{}/pulls", 201, title="Two", head="topic", base="main")
    third = builds(shop, "contract-hook", 3)[2]
    assert f"trigger pr/{pull['number']} event PULL_REQUEST_CREATED ref refs/heads/topic" in shop.log(third)
    for sha, state in ((good, "success"), (bad, "failure")):
        until(lambda sha=sha, state=state: status(site, sha) == state)  # type: ignore[misc]  # a default argument binds the loop's value
    clone.push("--delete", "topic")
    time.sleep(1)
    assert len(shop.api.list_builds_for_project(projectName="contract-hook")["ids"]) == 3


def status(site: Site, sha: str) -> str:
    """Return the latest commit status of our context."""
    rows = site.call("GET", f"{{}}/statuses/{sha}", 200)
    return next((str(row["state"]) for row in rows if row["context"] == "contract/checks"), "")


def test_what_is_not_signed_or_was_here_before_starts_nothing(shop: Workshop, site: Site) -> None:
    """A wrong or missing signature, an invalid payload, another URL, another repository, a replay."""
    hook = prepared(shop, site, "contract-signed")
    assert post(hook | {"secret": "wrong"}, push(site)).status_code == 400
    assert post(hook, push(site), **{"x-hub-signature-256": ""}).status_code == 400
    assert post(hook, ["no", "object"]).status_code == 400
    assert post(hook, {"zen": "x"}, "ping").status_code == 200
    assert post(hook, {"action": "opened"}, "pull_request").status_code == 400
    assert post(hook | {"payloadUrl": hook["payloadUrl"] + "x"}, push(site)).status_code == 404
    assert "starts no build" in post(hook, push(site, repository={"full_name": "other/one"})).text
    assert "starts no build" in post(hook, {"action": "created"}, "issue_comment").text
    assert shop.api.list_builds_for_project(projectName="contract-signed")["ids"] == []
    answers = [post(hook, push(site), **{"x-github-delivery": "the same"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    build = builds(shop, "contract-signed", 1)
    assert len(build) == 1
    assert "reference not found" in context(build[0], "DOWNLOAD_SOURCE")[1]


@pytest.mark.parametrize(
    ("row", "starts"),
    [
        ({"type": "HEAD_REF", "pattern": "^refs/heads/main$"}, True),
        ({"type": "HEAD_REF", "pattern": "heads/ma"}, True),
        ({"type": "HEAD_REF", "pattern": "^refs/heads/m$"}, False),
        ({"type": "HEAD_REF", "pattern": "^refs/heads/main$", "excludeMatchedPattern": True}, False),
        ({"type": "HEAD_REF", "pattern": "^refs/tags/|^refs/heads/main$", "excludeMatchedPattern": True}, False),
        ({"type": "HEAD_REF", "pattern": "^refs/tags/|^refs/heads/mai$", "excludeMatchedPattern": True}, True),
        ({"type": "FILE_PATH", "pattern": "^docs/"}, True),
        ({"type": "FILE_PATH", "pattern": "^app/"}, False),
        ({"type": "ACTOR_ACCOUNT_ID", "pattern": "^7$"}, True),
        ({"type": "ACTOR_ACCOUNT_ID", "pattern": "^8$"}, False),
        ({"type": "COMMIT_MESSAGE", "pattern": "Mess"}, True),
        ({"type": "COMMIT_MESSAGE", "pattern": "[skip]", "excludeMatchedPattern": True}, False),
    ],
)
def test_filters_decide(shop: Workshop, site: Site, row: dict[str, Any], starts: bool) -> None:  # noqa: FBT001 - pytest gives it by name
    """Patterns match anywhere in a value; all filters of a group must match."""
    hook = prepared_only(shop, site, [[{"type": "EVENT", "pattern": "PUSH"}, row]])
    assert ("started" in post(hook, push(site)).json()["message"].split()[:1]) is starts


def prepared_only(shop: Workshop, site: Site, groups: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """Create a project with a webhook that is not registered at GitHub; returns the webhook."""
    source = {"type": "GITHUB", "location": f"https://github.com/{site.repository}"}
    auth = {"auth": {"type": "CODECONNECTIONS", "resource": CONNECTION}}
    shop.project("contract-filter", source=source | auth)
    made = shop.api.create_webhook(projectName="contract-filter", manualCreation=True, filterGroups=groups)
    return dict(made["webhook"])


def test_a_pull_request_from_a_fork_is_not_built(shop: Workshop, site: Site) -> None:
    """Unless the policy requires no approval."""
    hook = prepared_only(shop, site, [[{"type": "EVENT", "pattern": "PULL_REQUEST_CREATED"}]])
    pull = {
        "number": 3,
        "head": {"sha": "2" * 40, "ref": "x", "repo": {"full_name": "stranger/fork"}},
        "base": {"ref": "main", "sha": "1" * 40, "repo": {"full_name": site.repository}},
    }
    told = push(site, action="opened", pull_request=pull)
    assert "needs a comment's approval (FORK_PULL_REQUESTS)" in post(hook, told, "pull_request").text
    policy = {"requiresCommentApproval": "DISABLED"}
    shop.api.update_webhook(projectName="contract-filter", pullRequestBuildPolicy=policy)
    assert post(hook, told, "pull_request").json()["message"] == "started"


def test_a_webhook_needs_authorisation_and_is_one_per_project(shop: Workshop) -> None:
    """By connection or source credential; refusals have AWS's messages."""
    github = {"type": "GITHUB", "location": "https://github.com/contract/none"}
    shop.project("contract-auth", source=github)
    make: dict[str, Any] = {"projectName": "contract-auth", "manualCreation": True}
    with pytest.raises(ClientError, match="Could not find access token for server type github"):
        shop.api.create_webhook(**make)
    arn = shop.api.import_source_credentials(token="t", serverType="GITHUB", authType="PERSONAL_ACCESS_TOKEN")["arn"]
    assert [row["arn"] for row in shop.api.list_source_credentials()["sourceCredentialsInfos"]] == [arn]
    with pytest.raises(ClientError, match="manualCreation"):
        shop.api.create_webhook(projectName="contract-auth")
    for groups, message in (
        ([[{"type": "HEAD_REF", "pattern": "x"}]], "EVENT"),
        ([[{"type": "EVENT", "pattern": "PUSHED"}]], "PUSHED"),
        ([[{"type": "EVENT", "pattern": "PUSH"}, {"type": "HEAD_REF", "pattern": "("}]], "filter pattern"),
        ([[{"type": "EVENT", "pattern": "PUSH"}, {"type": "TAG_NAME", "pattern": "x"}]], "TAG_NAME"),
    ):
        with pytest.raises(ClientError, match=message):
            shop.api.create_webhook(**make, filterGroups=groups)
    hook = shop.api.create_webhook(**make, filterGroups=GROUPS)["webhook"]
    assert hook["payloadUrl"].startswith("http://127.0.0.1:")
    with pytest.raises(shop.api.exceptions.ResourceAlreadyExistsException):
        shop.api.create_webhook(**make)
    shown = shop.api.batch_get_projects(names=["contract-auth"])["projects"][0]["webhook"]
    assert "secret" not in shown
    assert (shown["payloadUrl"], shown["filterGroups"]) == (hook["payloadUrl"], GROUPS)
    turned = shop.api.update_webhook(projectName="contract-auth", rotateSecret=True)["webhook"]
    assert turned["secret"] != hook["secret"]
    shop.api.delete_webhook(projectName="contract-auth")
    with pytest.raises(shop.api.exceptions.ResourceNotFoundException):
        shop.api.delete_webhook(projectName="contract-auth")
    shop.api.delete_source_credentials(arn=arn)
    with pytest.raises(shop.api.exceptions.ResourceNotFoundException):
        shop.api.delete_source_credentials(arn=arn)
