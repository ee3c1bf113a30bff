"""The single comment on a pull request of the local GitHub: author, pagination, updates."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from delivery.console import Progress
from delivery.errors import DeliveryError
from delivery.previews import pull_requests
from delivery.previews.comment_text import LIMIT, MARKER
from delivery.previews.pull_requests import GitHub, PullRequest
from support.github_client import Clone, Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cloud import Cloud

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def place(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, Clone]:
    """A repository and a clone of it."""
    site = Site(f"http://127.0.0.1:{cloud.environment['LOCALCLOUD_PORT']}", "acme/previews")
    clone = Clone(tmp_path_factory.mktemp("previews") / "clone", site.url)
    clone.commit("one")
    clone.push()
    return site, clone


@pytest.fixture
def pull(place: tuple[Site, Clone], request: pytest.FixtureRequest) -> Iterator[PullRequest]:
    """A pull request with its own branch."""
    site, clone = place
    branch = f"b{abs(hash(request.node.name))}"
    commit = clone.commit(branch)
    clone.push(f"HEAD:{branch}")
    number = site.call("POST", "{}/pulls", 201, title="T", head=branch, base="main")["number"]
    yield PullRequest(repository=site.repository, number=number, commit=commit)
    site.call("PATCH", f"{{}}/pulls/{number}", 200, state="closed")


def github(site: Site, **more: str) -> GitHub:
    """Return a client with a token."""
    return GitHub({"GITHUB_API_URL": f"{site.endpoint}/api/v3", "GITHUB_TOKEN": "any", **more})


def keep(site: Site, pull: PullRequest, text: str) -> None:
    """Create or update the comment."""
    pull_requests.keep(github(site), pull, f"{MARKER}\n{text}", Progress())


def comments(site: Site, pull: PullRequest) -> list[str]:
    """Return the texts of all comments."""
    return [one["body"] for one in github(site).comments(pull)]


def written_by(site: Site, user: str, pull: PullRequest, text: str) -> None:
    """Comment as another user."""
    login = base64.b64encode(f"{user}:x".encode()).decode()
    answer = httpx.post(
        f"{site.endpoint}/api/v3/repos/{site.repository}/issues/{pull.number}/comments",
        headers={"Authorization": f"Basic {login}"}, json={"body": text}, trust_env=False,
    )  # fmt: skip
    assert answer.json()["user"]["login"] == user


def test_the_comment_is_made_once_and_then_updated(place: tuple[Site, Clone], pull: PullRequest) -> None:
    """Comments of other users are not changed."""
    site, _ = place
    written_by(site, "ann", pull, "nice")
    for text in ("first", "second", "x" * (LIMIT - len(MARKER) - 1)):
        keep(site, pull, text)
        assert comments(site, pull) == ["nice", f"{MARKER}\n{text}"]


def test_a_comment_is_found_behind_hundreds_of_others(place: tuple[Site, Clone], pull: PullRequest) -> None:
    """GitHub returns at most a hundred on a page."""
    site, _ = place
    for index in range(pull_requests.PAGE + 5):
        github(site).create(pull, f"comment {index}")
    keep(site, pull, "first")
    keep(site, pull, "second")
    found = [one for one in comments(site, pull) if one.startswith(MARKER)]
    assert found == [f"{MARKER}\nsecond"]


def test_a_comment_that_somebody_forged_is_never_taken_for_ours(place: tuple[Site, Clone], pull: PullRequest) -> None:
    """Its author could edit it later."""
    site, _ = place
    written_by(site, "mallory", pull, f"{MARKER}\nno changes")
    keep(site, pull, "true")
    assert comments(site, pull) == [f"{MARKER}\nno changes", f"{MARKER}\ntrue"]


def test_a_workflows_comment_is_updated_by_hand_too_and_duplicates_go(
    place: tuple[Site, Clone], pull: PullRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Concurrent runs may have created two. The bot's name differs: the local GitHub allows no brackets in names."""
    site, _ = place
    monkeypatch.setattr(pull_requests, "ACTIONS", "actions-bot")
    for _ in range(2):
        written_by(site, pull_requests.ACTIONS, pull, f"{MARKER}\nold")
    keep(site, pull, "new")
    assert comments(site, pull) == [f"{MARKER}\nnew"]


def test_an_older_commits_preview_changes_nothing(
    place: tuple[Site, Clone], pull: PullRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    """A delayed run must not show its own commit as the newest."""
    site, _ = place
    keep(site, pull, "new")
    older = PullRequest(repository=pull.repository, number=pull.number, commit="0" * 40)
    keep(site, older, "old")
    assert comments(site, pull) == [f"{MARKER}\nnew"]
    assert f"has {pull.commit[:12]} by now" in capsys.readouterr().out


def test_a_pull_request_that_is_not_there_is_told_in_one_line(place: tuple[Site, Clone]) -> None:
    """The message includes GitHub's response."""
    site, _ = place
    wrong = PullRequest(repository=site.repository, number=4711, commit="0" * 40)
    with pytest.raises(DeliveryError, match="answered 404 to GET") as refused:
        keep(site, wrong, "x")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, "GITHUB_TOKEN is not set"),
        ({"GITHUB_TOKEN": "t", "GITHUB_API_URL": "http://github.example"}, "over https only"),
    ],
)
def test_without_a_token_or_over_plain_http_nothing_is_asked(environment: dict[str, str], wanted: str) -> None:
    """Plain HTTP is allowed for this machine only."""
    with pytest.raises(DeliveryError, match=wanted):
        GitHub(environment)


def test_a_github_that_does_not_answer_is_told_in_one_line() -> None:
    """It contains neither a traceback nor the token."""
    closed = GitHub({"GITHUB_API_URL": "http://127.0.0.1:9", "GITHUB_TOKEN": "hush-hush"})
    with pytest.raises(DeliveryError, match=r"GET http://127\.0\.0\.1:9/user failed") as refused:
        closed.login()
    assert "hush" not in str(refused.value)


def event(tmp_path: Path, **pull: Any) -> str:  # noqa: ANN401
    """Write a workflow's event file; returns its path."""
    (tmp_path / "event.json").write_text(json.dumps({"pull_request": pull}), "utf-8")
    return str(tmp_path / "event.json")


def test_in_a_workflow_the_pull_request_and_its_commit_are_the_events(tmp_path: Path) -> None:
    """Not the merge commit that is checked out."""
    environment = {
        "GITHUB_REPOSITORY": "acme/app", "GITHUB_REF": "refs/pull/7/merge", "GITHUB_SHA": "b" * 40,
        "GITHUB_EVENT_PATH": event(tmp_path, head={"sha": "a" * 40}),
    }  # fmt: skip
    assert pull_requests.pull_request_of(environment) == PullRequest(repository="acme/app", number=7, commit="a" * 40)
    assert pull_requests.pull_request_of({"GITHUB_REF": "refs/heads/main"}) is None
    assert pull_requests.pull_request_of({}) is None


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"repository": "", "commit": "a" * 40}, "--repository is ''"),
        ({"repository": "../../user", "commit": "a" * 40}, "--repository is"),
        ({"repository": "a/b", "commit": "main"}, "--commit is 'main'"),
    ],
)
def test_half_a_pull_request_is_refused(given: dict[str, str], wanted: str) -> None:
    """Before any preview runs."""
    with pytest.raises(DeliveryError, match=wanted):
        pull_requests.pull_request_of({}, number=7, **given)
