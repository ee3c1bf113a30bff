"""The local GitHub from outside: git, REST by httpx, webhooks with a receiver."""

from __future__ import annotations

import base64
import http.client
import os
import select
import subprocess
import threading
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import httpx
import pytest

from support.cloud import PYTHON
from support.github_client import Clone, Receiver, Site, git
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cloud import Cloud

ZEROS = "0" * 40


@pytest.fixture
def site(cloud: Cloud) -> Iterator[Site]:
    """A GitHub with an unused repository name."""
    made = Site(f"http://127.0.0.1:{cloud.environment['LOCALCLOUD_PORT']}", f"acme/app-{uuid.uuid4().hex[:8]}")
    yield made
    if any(one["full_name"] == made.repository for one in made.call("GET", "/orgs/acme/repos?per_page=100", 200)):
        made.call("DELETE", "{}", 204)


@pytest.fixture
def clone(site: Site, tmp_path: Path) -> Clone:
    """A clone of the repository."""
    return Clone(tmp_path / "clone", site.url)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of webhooks."""
    made = Receiver()
    yield made
    made.close()


def test_a_first_push_makes_the_repository_and_a_clone_gives_it_back(site: Site, clone: Clone, tmp_path: Path) -> None:
    """It does not exist before the push; modes and links are preserved; the first branch is the default one."""
    assert "404" in str(site.call("GET", "{}", 404))
    assert "not found" in git(tmp_path, "clone", site.url, "early", check=False)
    (clone.folder / "link").symlink_to("run.sh")
    clone.commit("one", **{"run.sh": "#!/bin/sh\n"})
    (clone.folder / "run.sh").chmod(0o755)
    sha = clone.commit("two")
    clone.push()
    git(tmp_path, "clone", "--quiet", site.url, "copy")
    assert git(tmp_path / "copy", "rev-parse", "HEAD") == sha
    assert os.access(tmp_path / "copy" / "run.sh", os.X_OK)
    assert (tmp_path / "copy" / "link").readlink().name == "run.sh"
    assert site.call("GET", "{}", 200)["default_branch"] == "main"
    assert site.call("GET", "{}/branches/main", 200)["commit"]["sha"] == sha
    assert [one["sha"] for one in site.call("GET", "{}/commits?per_page=1", 200)] == [sha]


def test_a_push_that_fails_makes_no_repository(site: Site, clone: Clone) -> None:
    """A dry run requests the refs of a repository that does not exist yet."""
    clone.commit("one")
    clone.git("push", "--dry-run", "origin", "main")
    site.call("GET", "{}", 404)


def test_a_push_is_posted_signed_with_its_commits_and_files(site: Site, clone: Clone, receiver: Receiver) -> None:
    """With the members that filters use: ref, before, after, head_commit, added, modified, removed, sender, pusher."""
    first = clone.commit("one", a="1", b="1")
    clone.push()
    hook = site.hook(receiver)
    (clone.folder / "b").unlink()
    clone.commit("two", a="2", **{"näme c": "1"})
    last = clone.commit('three\n\nwith "quotes"', d="1")
    clone.push()
    delivered = receiver.wait(1)[0]
    payload = delivered.payload
    assert (delivered.event, delivered.signed(), delivered.signed("x")) == ("push", True, False)
    assert delivered.headers["x-github-hook-id"] == str(hook["id"])
    assert (payload["ref"], payload["before"], payload["after"]) == ("refs/heads/main", first, last)
    two, three = payload["commits"]
    assert (two["added"], two["modified"], two["removed"]) == (["näme c"], ["a"], ["b"])
    assert (three["id"], three["message"], three["added"]) == (last, 'three\n\nwith "quotes"', ["d"])
    assert payload["head_commit"] == three
    assert payload["head_commit"]["author"]["name"] == "Ann"
    assert (payload["created"], payload["deleted"], payload["forced"]) == (False, False, False)
    assert payload["repository"]["full_name"] == site.repository
    assert payload["repository"]["clone_url"] == site.url
    assert payload["pusher"]["name"] == payload["sender"]["login"] == "developer"
    assert isinstance(payload["sender"]["id"], int)


def test_new_forced_and_deleted_branches_and_tags_are_told(site: Site, clone: Clone, receiver: Receiver) -> None:
    """Zeros mean no object; an annotated tag has the tag object's id, and the commit that it points to."""
    base = clone.commit("one", a="1")
    clone.push()
    site.hook(receiver, "push", "create", "delete")
    clone.git("checkout", "--quiet", "-b", "team/x")
    old = clone.commit("two", a="2")
    clone.push("team/x")
    clone.git("commit", "--quiet", "--amend", "--message=again")
    new = clone.git("rev-parse", "HEAD")
    clone.push("--force", "team/x")
    clone.git("tag", "--annotate", "--message=v1", "v1")
    clone.push("v1")
    clone.push("--delete", "team/x")
    got = [one.payload for one in receiver.wait(7)]
    assert [one.event for one in receiver.got] == ["push", "create", "push", "push", "create", "push", "delete"]
    created, forced, tagged, deleted = got[0], got[2], got[3], got[5]
    assert (created["before"], created["after"], created["created"]) == (ZEROS, old, True)
    assert [one["id"] for one in created["commits"]] == [old]
    assert got[1]["ref"] == "team/x"
    assert (forced["before"], forced["after"], forced["forced"]) == (old, new, True)
    assert (tagged["ref"], tagged["head_commit"]["id"], tagged["commits"]) == ("refs/tags/v1", new, [])
    assert tagged["after"] == clone.git("rev-parse", "v1") != new
    assert (deleted["after"], deleted["deleted"], deleted["head_commit"]) == (ZEROS, True, None)
    assert "refusing to delete" in clone.git("push", "origin", ":main", check=False)
    assert site.call("GET", "{}/branches/main", 200)["commit"]["sha"] == base


def test_more_than_three_tags_at_once_are_not_told(site: Site, clone: Clone, receiver: Receiver) -> None:
    """As on GitHub; the branch pushed with them has its event."""
    clone.commit("one")
    clone.push()
    site.hook(receiver)
    clone.commit("two")
    for n in range(4):
        clone.git("tag", f"t{n}")
    clone.push("--tags", "main")
    assert receiver.wait(1)[0].payload["ref"] == "refs/heads/main"


def test_quick_pushes_to_many_branches_are_each_told_once(site: Site, clone: Clone, receiver: Receiver) -> None:
    """Eight clients push concurrently."""
    clone.commit("one")
    clone.push()
    site.hook(receiver)
    pushes = [threading.Thread(target=clone.push, args=(f"main:refs/heads/b{n}",)) for n in range(8)]
    for push in pushes:
        push.start()
    for push in pushes:
        push.join()
    assert {one.payload["ref"] for one in receiver.wait(8)} == {f"refs/heads/b{n}" for n in range(8)}


def test_deliveries_are_listed_with_request_and_response_and_can_be_sent_again(
    site: Site, clone: Clone, receiver: Receiver
) -> None:
    """A failed one is not retried automatically; a redelivery has the same guid and body; the secret is never shown."""
    hook = site.hook(receiver)
    receiver.status = 500
    clone.commit("one")
    clone.push()
    receiver.wait(1)
    path = f"{{}}/hooks/{hook['id']}"

    def told() -> list[dict[str, Any]] | None:
        rows: list[dict[str, Any]] = site.call("GET", f"{path}/deliveries", 200)
        return None if rows[0]["status"] == "pending" else rows

    failed, ping = until(told)
    assert (failed["event"], failed["status_code"], failed["status"]) == ("push", 500, "Invalid HTTP Response: 500")
    assert (ping["event"], ping["status_code"], ping["redelivery"]) == ("ping", 200, False)
    until(lambda: site.call("GET", path, 200)["last_response"]["code"] == 500)
    receiver.status = 200
    site.call("POST", f"{path}/deliveries/{failed['id']}/attempts", 202)
    first, again = receiver.wait(2)
    assert first.body == again.body
    assert first.headers["x-github-delivery"] == again.headers["x-github-delivery"] == failed["guid"]
    newest = until(told)[0]
    assert (newest["redelivery"], newest["guid"]) == (True, failed["guid"])
    whole = site.call("GET", f"{path}/deliveries/{newest['id']}", 200)
    assert whole["request"]["payload"] == again.payload
    assert whole["request"]["headers"]["X-Hub-Signature-256"] == again.headers["x-hub-signature-256"]
    assert whole["response"]["payload"] == "seen"
    assert site.call("GET", path, 200)["config"]["secret"] == "********"
    assert site.call("GET", f"{path}/config", 200)["secret"] == "********"


def test_a_hook_is_changed_paused_and_removed(site: Site, clone: Clone, receiver: Receiver) -> None:
    """A paused hook gets no events; a form contains the signed payload; a deleted hook is not found."""
    hook = site.hook(receiver)
    path = f"{{}}/hooks/{hook['id']}"
    site.call("PATCH", path, 200, active=False)
    clone.commit("one")
    clone.push()
    form = {"url": receiver.url, "content_type": "form"}
    changed = site.call("PATCH", path, 200, active=True, config=form, add_events=["create"])
    assert changed["events"] == ["create", "push"]
    assert "secret" not in changed["config"]
    clone.commit("two")
    clone.push()
    delivered = receiver.wait(1)[0]
    assert delivered.headers["content-type"] == "application/x-www-form-urlencoded"
    assert '"message":"two"' in parse_qs(delivered.body.decode())["payload"][0]
    assert "x-hub-signature-256" not in delivered.headers
    site.call("DELETE", path, 204)
    site.call("GET", path, 404)
    assert site.call("GET", "{}/hooks", 200) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"events": ["push"]}, "config is missing"),
        ({"config": {"url": "ftp://x"}}, "config.url"),
        ({"config": {"url": "http://["}}, "config.url"),
        ({"config": {"url": "http://x:99999/"}}, "config.url"),
        ({"config": {"url": "http://127.0.0.1:1"}, "events": ["pushes"]}, "no such event: pushes"),
        ({"config": {"url": "http://127.0.0.1:1"}, "events": []}, "at least one event"),
        ({"config": {"url": "http://127.0.0.1:1", "content_type": "xml"}}, "content_type"),
        ({"config": {"url": "http://127.0.0.1:1"}, "active": "yes"}, "true or false"),
        ({"config": {"url": "http://127.0.0.1:1"}, "name": "irc"}, "name has to be web"),
    ],
)
def test_a_hook_that_github_refuses_is_refused(site: Site, body: dict[str, object], words: str) -> None:
    """With status 422, the field and the rule."""
    site.make()
    assert words in str(site.call("POST", "{}/hooks", 422, **body)["errors"])


def test_the_same_hook_twice_is_refused(site: Site, receiver: Receiver) -> None:
    """As on GitHub."""
    site.hook(receiver)
    config = {"url": receiver.url, "content_type": "json"}
    refused = site.call("POST", "{}/hooks", 422, config=config, events=["push"])
    assert refused["errors"][0]["message"] == "Hook already exists on this repository"


def test_a_receiver_that_is_away_or_slow_does_not_hold_up_a_push(site: Site, clone: Clone, receiver: Receiver) -> None:
    """Pushes return at once; failed deliveries are recorded as on GitHub."""
    hook = site.hook(receiver)
    receiver.seconds = 8
    clone.commit("one")
    clone.push()
    until(lambda: receiver.got)
    assert receiver.answered == 1  # the ping
    receiver.close()
    clone.commit("two")
    clone.push()
    path = f"{{}}/hooks/{hook['id']}/deliveries"
    until(lambda: site.call("GET", path, 200)[0]["status"] == "failed to connect to host")


def test_statuses_are_kept_combined_and_checked(site: Site, clone: Clone, receiver: Receiver) -> None:
    """The latest status of each context counts; an unknown commit or state is refused."""
    sha = clone.commit("one")
    clone.push()
    site.hook(receiver, "status")
    assert site.call("GET", "{}/commits/main/status", 200)["state"] == "pending"
    for state, context in (("pending", "ci"), ("failure", "ci"), ("success", "lint")):
        site.call("POST", f"{{}}/statuses/{sha}", 201, state=state, context=context, target_url="http://127.0.0.1/x")
    combined = site.call("GET", "{}/commits/main/status", 200)
    assert (combined["state"], combined["sha"], combined["total_count"]) == ("failure", sha, 2)
    site.call("POST", f"{{}}/statuses/{sha}", 201, state="success", context="ci", description="fine")
    assert site.call("GET", "{}/commits/main/status", 200)["state"] == "success"
    assert [one["state"] for one in site.call("GET", f"{{}}/commits/{sha}/statuses", 200)] == [
        "success", "success", "failure", "pending",
    ]  # fmt: skip
    assert [one.payload["state"] for one in receiver.wait(4)] == ["pending", "failure", "success", "success"]
    assert "No commit found" in site.call("POST", f"{{}}/statuses/{'1' * 40}", 422, state="success")["message"]
    site.call("POST", f"{{}}/statuses/{sha}", 422, state="great")
    site.call("POST", f"{{}}/statuses/{sha}", 422, state="success", description="x" * 141)


def test_a_pull_request_is_told_from_opening_to_merge(site: Site, clone: Clone, receiver: Receiver) -> None:
    """Opened, synchronized, closed, reopened, then merged by a push to its base."""
    base = clone.commit("one", a="1")
    clone.push()
    clone.git("checkout", "--quiet", "-b", "topic")
    first = clone.commit("two", b="1")
    clone.push("topic")
    site.hook(receiver, "pull_request")
    opened = site.call("POST", "{}/pulls", 201, title="T", head="topic", base="main")
    assert (opened["number"], opened["head"]["sha"], opened["base"]["sha"]) == (1, first, base)
    assert clone.git("ls-remote", "origin", "refs/pull/1/head").split()[0] == first
    site.call("POST", "{}/pulls", 422, title="T", head="topic", base="main")
    site.call("POST", "{}/pulls", 422, title="T", head="main", base="topic")
    second = clone.commit("three", b="2")
    clone.push("topic")
    site.call("PATCH", "{}/pulls/1", 200, state="closed")
    assert site.call("GET", "{}/pulls", 200) == []
    site.call("PATCH", "{}/pulls/1", 200, state="open", title="U")
    clone.git("checkout", "--quiet", "main")
    clone.git("merge", "--quiet", "--no-ff", "topic")
    clone.push()
    got = [one.payload for one in receiver.wait(6)]
    assert [one["action"] for one in got] == ["opened", "synchronize", "closed", "edited", "reopened", "closed"]
    assert (got[1]["before"], got[1]["after"], got[1]["pull_request"]["head"]["sha"]) == (first, second, second)
    assert (got[2]["pull_request"]["merged"], got[5]["pull_request"]["merged"]) == (False, True)
    assert got[0]["pull_request"]["head"]["ref"] == "topic"
    assert got[0]["pull_request"]["base"]["repo"]["full_name"] == site.repository
    assert [one["filename"] for one in site.call("GET", "{}/pulls/1/files", 200)] == ["b"]


def test_comments_are_made_and_updated(site: Site, clone: Clone) -> None:
    """For previews: one comment on a pull request, updated later."""
    clone.commit("one")
    clone.push()
    clone.commit("two")
    clone.push("main:topic")
    site.call("POST", "{}/pulls", 201, title="T", head="topic", base="main")
    made = site.call("POST", "{}/issues/1/comments", 201, body="first")
    site.call("PATCH", f"{{}}/issues/comments/{made['id']}", 200, body="second")
    assert [one["body"] for one in site.call("GET", "{}/issues/1/comments", 200)] == ["second"]
    site.call("POST", "{}/issues/2/comments", 404, body="x")
    site.call("POST", "{}/issues/1/comments", 422, body="")


def test_refs_are_made_moved_and_removed_by_the_api(site: Site, clone: Clone, receiver: Receiver) -> None:
    """Each sends a push event; an update that is not a fast-forward must be forced."""
    one, two = clone.commit("one"), clone.commit("two")
    clone.push()
    site.hook(receiver)
    site.call("POST", "{}/git/refs", 201, ref="refs/heads/a/b", sha=two)
    site.call("POST", "{}/git/refs", 422, ref="refs/heads/a/b", sha=two)
    site.call("PATCH", "{}/git/refs/heads/a/b", 422, sha=one)
    assert site.call("PATCH", "{}/git/refs/heads/a/b", 200, sha=one, force=True)["object"]["sha"] == one
    assert site.call("GET", "{}/git/ref/heads/a/b", 200)["object"]["type"] == "commit"
    site.call("DELETE", "{}/git/refs/heads/a/b", 204)
    site.call("DELETE", "{}/git/refs/heads/main", 422)
    assert [one.payload["after"] for one in receiver.wait(3)] == [two, one, ZEROS]
    for bad in ("refs/heads/../x", "refs/pull/1/head", "refs/heads/a b", "refs/heads/x.lock"):
        site.call("POST", "{}/git/refs", 422, ref=bad, sha=one)


def test_a_webhook_that_is_left_is_found_by_the_sweep(cloud: Cloud, site: Site, receiver: Receiver) -> None:
    """Repositories belong to the developer; hooks should have been deleted with their stack."""

    def sweep() -> str:
        command = [PYTHON, "-m", "localcloud", "sweep"]
        done = subprocess.run(command, env=cloud.environment, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    hook = site.hook(receiver)
    line = f"GitHub webhook {hook['id']} of {site.repository}: {receiver.url}"
    assert line in sweep()
    site.call("DELETE", f"{{}}/hooks/{hook['id']}", 204)
    assert site.repository not in sweep()


def test_writing_needs_a_token_and_reading_does_not(site: Site, clone: Clone) -> None:
    """Any token is accepted; without one the status is 401."""
    clone.commit("one")
    clone.push()
    site.token = ""
    site.call("GET", "{}", 200)
    assert "Requires authentication" in site.call("POST", "{}/hooks", 401, config={})["message"]
    site.token = "any"


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"body": "\\ud800"}', b'{"body": NaN}', b"\xff", b"[" * 10**5])
def test_a_body_that_is_no_json_object_is_refused(site: Site, body: bytes) -> None:
    """With status 400; no value that JSON cannot represent is stored."""
    site.make()
    url, headers = f"{site.endpoint}/api/v3/repos/{site.repository}/hooks", {"Authorization": "token x"}
    assert httpx.post(url, content=body, headers=headers, trust_env=False).status_code == 400


def test_an_unknown_route_is_named(site: Site) -> None:
    """So that a client that needs an unsupported route gets its name."""
    assert "no route PUT /repos/acme/x/topics" in site.call("PUT", "/repos/acme/x/topics", 404)["message"]
    assert "/api/graphql" in str(site.call("POST", "/../graphql", 404))


def test_a_push_that_a_killed_process_did_not_tell_is_told_after_the_next_start(
    cloud: Cloud, site: Site, clone: Clone, receiver: Receiver
) -> None:
    """A ref changed while the process is down simulates its last push; each event is sent exactly once."""
    clone.commit("one", a="1")
    clone.push()
    site.hook(receiver)
    folder = f"{cloud.environment['LOCALCLOUD_STATE']}/github/{site.repository}.git"
    cloud.kill()
    last = clone.commit("two", a="2")
    clone.git("push", folder, "main")
    cloud.command("up", "--yes")
    delivered = receiver.wait(1)[0]
    assert (delivered.payload["after"], delivered.signed()) == (last, True)
    assert [one["message"] for one in delivered.payload["commits"]] == ["two"]
    clone.commit("three")
    clone.push()
    assert [one.payload["head_commit"]["message"] for one in receiver.wait(2)] == ["two", "three"]


def test_what_was_not_delivered_when_the_process_was_killed_is_delivered_later(
    cloud: Cloud, site: Site, clone: Clone, receiver: Receiver
) -> None:
    """Three pushes to a slow receiver, then a kill: all three arrive, in order."""
    site.hook(receiver)
    receiver.seconds = 9  # a delivery may take 10
    for name in ("one", "two", "three"):
        clone.commit(name)
        clone.push()
    until(lambda: receiver.got)
    cloud.kill()
    receiver.seconds = 0
    receiver.got.clear()
    cloud.command("up", "--yes")
    messages = [one.payload["head_commit"]["message"] for one in receiver.wait(3)]
    assert messages == ["one", "two", "three"]


def test_nothing_outside_the_folder_is_reached(cloud: Cloud, site: Site, clone: Clone) -> None:
    """Paths with parent or hidden folders, or without a repository, are refused before git runs."""
    clone.commit("one")
    clone.push()
    state = cloud.environment["LOCALCLOUD_STATE"]
    before = sorted(os.listdir(state)) + sorted(os.listdir(f"{state}/github"))  # noqa: PTH208 - only names are needed
    refs = "info/refs?service=git-receive-pack"
    paths = [
        f"/../../etc.git/{refs}", f"/%2e%2e/x.git/{refs}", f"/acme/..%2f..%2fx.git/{refs}", f"/acme/...git/{refs}",
        f"/.new-1/x.git/{refs}", f"/acme/x%00.git/{refs}", f"/acme/x%0a.git/{refs}", f"/-acme/x.git/{refs}",
        f"/acme/{'x' * 101}.git/{refs}", f"/acme/x.git.git/{refs}", f"/{site.repository}.git/HEAD",
        f"/{site.repository}.git/config", f"/{site.repository}.git/objects/info/packs",
        f"/{site.repository}.git/../../../run.json", f"/acme/.empty.git/../{refs}",
        f"/{site.repository}.git/info/refs", f"/{site.repository}.git/info/refs?service=git-upload-archive",
    ]  # fmt: skip
    for path in paths:
        connection = http.client.HTTPConnection("127.0.0.1", int(cloud.environment["LOCALCLOUD_PORT"]), timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        assert 400 <= answer.status < 500, (path, answer.status, answer.read())
        connection.close()
    assert sorted(os.listdir(state)) + sorted(os.listdir(f"{state}/github")) == before  # noqa: PTH208 - only names are needed


def test_odd_names_of_repositories_are_refused(site: Site) -> None:
    """With the violated rule."""
    for name in ("a b", "../x", "x.git", ".", "ä", "x" * 101, "a/b", ""):
        site.call("POST", "/orgs/acme/repos", 422, name=name)


def test_a_body_that_is_too_large_is_refused_before_it_is_read(cloud: Cloud, site: Site, clone: Clone) -> None:
    """With status 413, for the API and for git."""
    clone.commit("one")
    clone.push()
    repository = f"/repos/{site.repository}/hooks"
    for path, size in ((f"/api/v3{repository}", 2**23), (f"/{site.repository}.git/git-receive-pack", 2**32)):
        connection = http.client.HTTPConnection("127.0.0.1", int(cloud.environment["LOCALCLOUD_PORT"]), timeout=10)
        connection.putrequest("POST", path)
        for name, value in (("Content-Length", str(size)), ("Authorization", "token x")):
            connection.putheader(name, value)
        connection.endheaders()
        assert connection.getresponse().status == 413
        connection.close()


def test_scripts_in_a_repository_are_never_run(cloud: Cloud, site: Site, clone: Clone, tmp_path: Path) -> None:
    """Not even if a hook is installed and enabled in the repository's configuration."""
    clone.commit("one")
    clone.push()
    folder = f"{cloud.environment['LOCALCLOUD_STATE']}/github/{site.repository}.git"
    os.makedirs(f"{folder}/hooks")  # noqa: PTH103 - the server's own path, as text
    for name in ("pre-receive", "update", "post-receive", "post-update", "reference-transaction"):
        with open(f"{folder}/hooks/{name}", "w") as stream:  # noqa: PTH123 - the server's own path, as text
            stream.write(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        os.chmod(f"{folder}/hooks/{name}", 0o700)  # noqa: PTH101 - the server's own path, as text
    subprocess.run(["git", f"--git-dir={folder}", "config", "core.hooksPath", f"{folder}/hooks"], check=True)
    clone.commit("two")
    clone.push()
    assert not (tmp_path / "ran").exists()


def test_large_pushes_and_fetches_go_through(site: Site, clone: Clone, tmp_path: Path) -> None:
    """A push larger than git's buffer is chunked, a fetch with many commits is compressed; both in protocol v2."""
    for n in range(30):
        clone.commit(f"{n}", a=str(n))
    (clone.folder / "large").write_bytes(os.urandom(5 * 2**20))
    clone.commit("large")
    clone.push()
    git(tmp_path, "clone", "--quiet", site.url, "copy")
    copy = tmp_path / "copy"
    for n in range(300):
        git(copy, "commit", "--quiet", "--allow-empty", f"--message=own {n}")
    clone.commit("more")
    clone.push()
    trace = git(copy, "-c", "protocol.version=2", "fetch", "origin", GIT_TRACE_CURL="1", GIT_TRACE_PACKET="1")
    assert "version 2" in trace
    assert "Content-Encoding: gzip" in trace.replace("content-encoding", "Content-Encoding")
    assert git(copy, "rev-parse", "origin/main") == clone.git("rev-parse", "HEAD")
    assert (copy / "large").read_bytes() == (clone.folder / "large").read_bytes()


def test_the_cloud_answers_others_while_a_push_is_under_way(site: Site, clone: Clone) -> None:
    """A client that stalls during a push does not block others, not even for the same repository."""
    clone.commit("one")
    clone.push()
    host, port = site.endpoint.removeprefix("http://").split(":")
    stuck = http.client.HTTPConnection(host, int(port), timeout=10)
    stuck.putrequest("POST", f"/{site.repository}.git/git-receive-pack")
    stuck.putheader("Content-Type", "application/x-git-receive-pack-request")
    stuck.putheader("Content-Length", "1000")
    stuck.endheaders()
    stuck.send(b"0" * 10)
    clone.commit("two")
    clone.push()
    site.call("GET", "{}", 200)
    assert select.select([stuck.sock], [], [], 0)[0] == []  # the stalled connection is still open
    stuck.close()


def test_who_pushes_is_the_user_of_the_credentials(site: Site, clone: Clone, receiver: Receiver) -> None:
    """If git sends them preemptively; filters may use the login or its constant id."""
    clone.commit("one")
    clone.push()
    site.hook(receiver)
    clone.commit("two")
    header = "http.extraHeader=Authorization: Basic " + base64.b64encode(b"maria:any").decode()
    clone.git("-c", header, "push", "origin", "main")
    sender = receiver.wait(1)[0].payload["sender"]
    assert sender["login"] == "maria"
    assert site.call("GET", "/users/maria", 200)["id"] == sender["id"]
