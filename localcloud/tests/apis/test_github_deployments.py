"""Deployments on the local GitHub, by its REST API, and the tokens that may write them from a container."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import docker
import httpx
import pytest

from support.github_client import Clone, Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cloud import Cloud

AT = "{}/deployments"


@pytest.fixture
def site(cloud: Cloud) -> Iterator[Site]:
    """A GitHub with a repository of its own."""
    made = Site(f"http://127.0.0.1:{cloud.environment['LOCALCLOUD_PORT']}", f"acme/app-{uuid.uuid4().hex[:8]}")
    made.make()
    yield made
    made.token = "any"
    made.call("DELETE", "{}", 204)


@pytest.fixture
def commits(site: Site, tmp_path: Path) -> list[str]:
    """Two commits of the default branch."""
    clone = Clone(tmp_path / "clone", site.url)
    made = [clone.commit("one"), clone.commit("two")]
    clone.push()
    return made


def deploy(site: Site, sha: str, state: str = "success", **wanted: Any) -> int:
    """Create a deployment with a status; returns its number."""
    wanted = {"ref": sha, "environment": "staging", "required_contexts": [], "auto_merge": False} | wanted
    number = int(site.call("POST", AT, 201, **wanted)["id"])
    site.call("POST", f"{AT}/{number}/statuses", 201, state=state)
    return number


def states(site: Site, number: int) -> list[str]:
    """Return the states of a deployment, newest first."""
    return [one["state"] for one in site.call("GET", f"{AT}/{number}/statuses", 200)]


def token(site: Site, **permissions: str) -> str:
    """Issue a token for the repository."""
    url = f"{site.endpoint}/_localcloud/github/tokens"
    asked = {"repository": site.repository, "permissions": permissions}
    answer = httpx.post(url, json=asked, trust_env=False)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def test_a_deployment_is_shown_with_its_statuses(site: Site, commits: list[str]) -> None:
    """Newest first, by commit, ref, task and environment; the log's address is its target_url too."""
    number = deploy(site, commits[0], "in_progress")
    deploy(site, commits[1], environment="production")
    shown = site.call("GET", f"{AT}?sha={commits[0]}&environment=staging&task=deploy", 200)
    assert [(one["id"], one["sha"], one["environment"]) for one in shown] == [(number, commits[0], "staging")]
    assert [one["production_environment"] for one in site.call("GET", AT, 200)] == [True, False]
    told = {"state": "failure", "description": "tests failed", "log_url": "https://log", "environment_url": "http://e"}
    made = site.call("POST", f"{AT}/{number}/statuses", 201, **told)
    assert {name: made[name] for name in told} == told
    assert (made["target_url"], made["environment"]) == ("https://log", "staging")
    assert made["deployment_url"] == site.call("GET", f"{AT}/{number}", 200)["url"]
    assert site.call("GET", f"{AT}/{number}/statuses/{made['id']}", 200) == made
    assert states(site, number) == ["failure", "in_progress"]


def test_a_success_makes_older_ones_of_its_environment_inactive(site: Site, commits: list[str]) -> None:
    """Those that were a success, in an environment that is neither production nor transient; unless it is unwanted."""
    old, failed = deploy(site, commits[0]), deploy(site, commits[0], "failure")
    other, prod = deploy(site, commits[0], environment="qa"), deploy(site, commits[0], production_environment=True)
    brief = deploy(site, commits[0], transient_environment=True)
    assert states(site, old) == ["inactive", "success"]
    newest = deploy(site, commits[1])
    assert [states(site, one)[0] for one in (failed, other, prod, brief, newest)] == ["failure", *["success"] * 4]
    last = deploy(site, commits[1], "queued")
    site.call("POST", f"{AT}/{last}/statuses", 201, state="success", auto_inactive=False)
    assert states(site, newest) == ["success"]


def test_commit_statuses_are_required_unless_none_are_named(site: Site, commits: list[str]) -> None:
    """Without a list all that the commit has; an absent one is pending."""
    wanted = {"ref": "main", "auto_merge": False}
    assert site.call("POST", AT, 201, **wanted)["sha"] == commits[1]
    site.call("POST", f"{{}}/statuses/{commits[1]}", 201, state="failure", context="ci")
    refused = site.call("POST", AT, 409, **wanted)
    assert refused["message"] == "Conflict: Commit status checks failed for main."
    assert refused["errors"][0]["contexts"] == [{"context": "ci", "state": "failure"}]
    assert "pending" in str(site.call("POST", AT, 409, **wanted, required_contexts=["lint"]))
    assert site.call("POST", AT, 201, **wanted, required_contexts=[])["ref"] == "main"


@pytest.mark.usefixtures("commits")
@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        (AT, {}, 422, "missing_field"),
        (AT, {"ref": "f" * 40}, 422, f"No ref found for: {'f' * 40}"),
        (AT, {"ref": "main", "required_contexts": "ci"}, 422, "list of texts"),
        (AT, {"ref": "main", "auto_merge": "no"}, 422, "auto_merge has to be true or false"),
        (f"{AT}/999999/statuses", {"state": "success"}, 404, "Not Found"),
        ("/repos/acme/none/deployments", {"ref": "main"}, 404, "Not Found"),
    ],
    ids=["no ref", "no commit", "contexts", "flag", "no deployment", "no repository"],
)
def test_what_github_refuses_is_refused(site: Site, path: str, body: dict[str, Any], status: int, words: str) -> None:
    """In its words."""
    assert words in str(site.call("POST", path, status, **body))


def test_a_status_has_a_known_state_and_a_short_description(site: Site, commits: list[str]) -> None:
    """At most 140 characters."""
    number = deploy(site, commits[0])
    path = f"{AT}/{number}/statuses"
    assert "state" in str(site.call("POST", path, 422, description="x"))
    assert "state has to be one of" in str(site.call("POST", path, 422, state="done"))
    assert "maximum is 140" in str(site.call("POST", path, 422, state="success", description="x" * 141))
    site.token = ""
    assert "Requires authentication" in str(site.call("POST", path, 401, state="success"))
    site.token = "any"


def test_a_branch_that_is_behind_is_not_merged(site: Site, commits: list[str]) -> None:
    """GitHub would merge the default branch into it; that is refused by name."""
    site.call("POST", "{}/git/refs", 201, ref="refs/heads/old", sha=commits[0])
    assert "set auto_merge false" in str(site.call("POST", AT, 422, ref="old"))
    assert site.call("POST", AT, 201, ref="old", auto_merge=False)["sha"] == commits[0]


def test_a_token_with_limited_rights_may_do_what_it_was_given_for(site: Site, commits: list[str]) -> None:
    """Of its repository only; everything else is refused as GitHub does."""
    site.token = token(site, deployments="write", statuses="read")
    number = deploy(site, commits[0])
    words = "Resource not accessible by personal access token"
    assert site.call("POST", f"{{}}/statuses/{commits[0]}", 403, state="success")["message"] == words
    assert site.call("DELETE", "{}", 403)["message"] == words
    assert states(site, number) == ["success"]
    site.call("POST", "/repos/acme/other/deployments", 404, ref="main")
    site.token = "any"
    url = f"{site.endpoint}/_localcloud/github/tokens"
    for asked in ({}, {"repository": "a/b", "permissions": {"x": "write"}}, {"repository": "a", "permissions": {}}):
        assert httpx.post(url, json=asked, trust_env=False).status_code == 422


def test_from_a_container_only_such_a_token_may_write(cloud: Cloud, site: Site, commits: list[str]) -> None:
    """A request to the gateway's address of the Docker network is one from elsewhere, as those of containers are."""
    network = docker.from_env().networks.get(cloud.environment["LOCALCLOUD_NETWORK"])
    at = network.attrs["IPAM"]["Config"][0]["Gateway"]
    limited = token(site, deployments="write")
    there = Site(site.endpoint.replace("127.0.0.1", at), site.repository, "any")
    url = f"{there.endpoint}/api/v3/repos/{site.repository}/deployments"
    assert "from this machine only" in httpx.post(url, json={"ref": commits[0]}, trust_env=False).text
    there.token = f"{limited}0"
    assert there.call("POST", AT, 401, ref=commits[0])["message"] == "Bad credentials"
    there.token = limited
    deploy(there, commits[0])
    there.call("POST", "{}/hooks", 403, config={})
